/**
 * The HTTP interface for whoever looks after stores: the one description that the handlers, the
 * client and the OpenAPI document come from.
 *
 * @since 0.1.0
 */
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiMiddleware from "@effect/platform/HttpApiMiddleware"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as HttpApiSecurity from "@effect/platform/HttpApiSecurity"
import * as OpenApi from "@effect/platform/OpenApi"
import { Handshake, LogEvent, Message } from "@tidelog/sync-protocol"
import * as Schema from "effect/Schema"
import { NotAtHead, StoreNotFound, StoreUnavailable } from "../AdminError.ts"
import { Closed, NewBackend } from "../AdminOperation.ts"
import { isDeeperThan } from "../internal/depth.ts"
import { StoreInfo } from "../StoreAdmin.ts"
import { StorePage } from "../StoreRegistry.ts"

/**
 * The secret is missing or wrong.
 *
 * @since 0.1.0
 * @category errors
 */
export class Unauthorized extends Schema.TaggedError<Unauthorized>(
  "@tidelog/sync-worker/AdminApi/Unauthorized"
)(
  "Unauthorized",
  { message: Schema.String },
  HttpApiSchema.annotations({ identifier: "Unauthorized", status: 401 })
) {}

/**
 * A line is no event, or none that can be stored, or does not continue the one before it. Nothing
 * of it and of what comes after it is stored. `line`: from 1. `head`: where the store stands now.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidLine extends Schema.TaggedError<InvalidLine>(
  "@tidelog/sync-worker/AdminApi/InvalidLine"
)(
  "InvalidLine",
  { line: Schema.Positive, head: LogEvent.SeqNum, message: Schema.String },
  HttpApiSchema.annotations({ identifier: "InvalidLine", status: 422 })
) {}

/**
 * What stores the events failed in the middle. `head`: up to where they are stored for certain; some
 * of those after it may be.
 *
 * @since 0.1.0
 * @category errors
 */
export class ImportInterrupted extends Schema.TaggedError<ImportInterrupted>(
  "@tidelog/sync-worker/AdminApi/ImportInterrupted"
)(
  "ImportInterrupted",
  { head: LogEvent.SeqNum, message: Schema.String },
  HttpApiSchema.annotations({ identifier: "ImportInterrupted", status: 503 })
) {}

/**
 * The storage of this backend cannot do this.
 *
 * @since 0.1.0
 * @category errors
 */
export class NotSupported extends Schema.TaggedError<NotSupported>(
  "@tidelog/sync-worker/AdminApi/NotSupported"
)(
  "NotSupported",
  { message: Schema.String },
  HttpApiSchema.annotations({ identifier: "NotSupported", status: 501 })
) {}

/**
 * `Authorization: Bearer <ADMIN_SECRET>`.
 *
 * @since 0.1.0
 * @category security
 */
export class Authorization extends HttpApiMiddleware.Tag<Authorization>()(
  "@tidelog/sync-worker/AdminApi/Authorization",
  { failure: Unauthorized, security: { bearer: HttpApiSecurity.bearer } }
) {}

/**
 * How the Worker is.
 *
 * - `storage`: whether the database of all stores answers; `per-object` if each store keeps its
 *   events to itself, where nothing can be asked without waking it.
 * - `version`: of this package. `protocol`: that clients have to speak.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Healthy = Schema.Struct({
  status: Schema.Literal("ok"),
  version: Schema.String,
  protocol: Schema.Int,
  storage: Schema.Literal("ok", "per-object")
})

/**
 * How a Worker is whose storage does not answer.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Degraded = Schema.Struct({
  ...Healthy.fields,
  status: Schema.Literal("degraded"),
  storage: Schema.Literal("unavailable", "not-configured")
})

/**
 * What an import has stored. `head`: where the store ends now.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Imported = Schema.Struct({
  imported: Schema.NonNegativeInt,
  head: LogEvent.SeqNum
}).annotations({ description: "how many events were stored, and where the log ends now" })

/**
 * One event of an export or an import, as the text of its line.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Line = Schema.parseJson(Message.PulledEvent)

/**
 * The media type of events, one a line.
 *
 * @since 0.1.0
 * @category constants
 */
export const NDJSON = "application/x-ndjson"

/**
 * The header of an export that says where the log ended when it was asked for: a `seqNum`.
 *
 * @since 0.1.0
 * @category constants
 */
export const HEAD_HEADER = "x-tidelog-head"

/** Whole as the description tells it; the handlers and the client take it line by line. */
const Ndjson = Schema.String.annotations({
  description: "one event a line, each the JSON of an event as a pull delivers it"
}).pipe(HttpApiSchema.withEncoding({ kind: "Text", contentType: NDJSON }))

/** A segment of nothing but dots is no segment of a URL, so one more character can stand before it. */
const MARK = "~"

/**
 * A storeId as a segment of a path: URI-encoded, and with a `~` before it if it is `.` or `..` or
 * begins with a `~` itself. Whoever routes a request has decoded the segment already.
 *
 * @since 0.1.0
 * @category schemas
 */
export const StoreIdInPath = Schema.transform(
  Schema.String.annotations({
    description: "the storeId, URI-encoded; with ~ before it if it is . or .. or begins with ~"
  }),
  Handshake.StoreId,
  {
    strict: true,
    decode: (segment) => (segment.startsWith(MARK) ? segment.slice(MARK.length) : segment),
    encode: (storeId) =>
      encodeURIComponent(
        /^\.{1,2}$/.test(storeId) || storeId.startsWith(MARK) ? `${MARK}${storeId}` : storeId
      )
  }
)

/** As deep as an identity may be that is compared, and written into the operation. */
const MAX_DEPTH = 1_000

const isShallow = (identity: unknown) =>
  isDeeperThan(identity, MAX_DEPTH) ? "an identity that is nested less deeply" : true

const storePath = Schema.Struct({ storeId: StoreIdInPath })

const fromText = <A extends number>(schema: Schema.Schema<A, number>) =>
  Schema.compose(Schema.NumberFromString, schema)

const after = Schema.Struct({ after: Schema.optional(fromText(LogEvent.SeqNum)) })

/**
 * Stores of one page of their list, at most.
 *
 * @since 0.1.0
 * @category constants
 */
export const MAX_STORES = 1_000

const about = (description: string) => OpenApi.annotations({ description })

/**
 * What is done to stores.
 *
 * @since 0.1.0
 * @category api
 */
export const Stores = HttpApiGroup.make("stores")
  .add(
    HttpApiEndpoint.get("list", "/admin/stores")
      .setUrlParams(
        Schema.Struct({
          after: Schema.optional(Handshake.StoreId),
          limit: Schema.optional(fromText(Schema.Int.pipe(Schema.between(1, MAX_STORES))))
        })
      )
      .addSuccess(StorePage)
      .addError(NotSupported)
      .annotateContext(about("The stores in the order of their ids, 100 at a time if not told."))
  )
  .add(
    HttpApiEndpoint.get("openApi", "/admin/openapi.json")
      .addSuccess(Schema.Unknown)
      .annotateContext(about("This description."))
  )
  .add(
    HttpApiEndpoint.get("info", "/admin/stores/:storeId")
      .setPath(storePath)
      .addSuccess(StoreInfo)
      .addError(StoreNotFound, { status: 404 })
      .annotateContext(about("A store at a glance."))
  )
  .add(
    HttpApiEndpoint.get("exportEvents", "/admin/stores/:storeId/events")
      .setPath(storePath)
      .setUrlParams(after)
      .addSuccess(Ndjson)
      .addError(StoreNotFound, { status: 404 })
      .annotateContext(
        about(
          "The events after a position, to the end of the log, while they are read from it. The header "
            + `${HEAD_HEADER} is where it ended when it was asked: an export that ends before has broken off.`
        )
      )
  )
  .add(
    HttpApiEndpoint.post("importEvents", "/admin/stores/:storeId/events")
      .setPath(storePath)
      .setUrlParams(after)
      .setPayload(Ndjson)
      .addSuccess(Imported)
      .addError(NotAtHead, { status: 409 })
      .addError(InvalidLine)
      .addError(ImportInterrupted)
      .annotateContext(
        about("Events for a store that ends at `after`: an empty or a new one if not told.")
      )
  )
  .add(
    HttpApiEndpoint.post("reset", "/admin/stores/:storeId/reset")
      .setPath(storePath)
      .addSuccess(NewBackend)
      .addError(StoreNotFound, { status: 404 })
      .annotateContext(about("Deletes all events, and gives the log a new backendId."))
  )
  .add(
    HttpApiEndpoint.post("renew", "/admin/stores/:storeId/backend-id")
      .setPath(storePath)
      .addSuccess(NewBackend)
      .addError(StoreNotFound, { status: 404 })
      .annotateContext(
        about("Gives the log a new backendId, as is due after its database was restored.")
      )
  )
  .add(
    HttpApiEndpoint.del("delete", "/admin/stores/:storeId")
      .setPath(storePath)
      .addSuccess(Schema.Void)
      .addError(StoreNotFound, { status: 404 })
      .annotateContext(about("Deletes the store. Its id, used again, is a new store."))
  )
  .add(
    HttpApiEndpoint.post("revoke", "/admin/stores/:storeId/revoke")
      .setPath(storePath)
      .setPayload(Schema.Struct({ identity: Schema.Unknown.pipe(Schema.filter(isShallow)) }))
      .addSuccess(Closed)
      .annotateContext(
        about("Closes the connections of an identity, or of all that contain it. Asks no storage.")
      )
  )
  .addError(StoreUnavailable, { status: 503 })
  .middleware(Authorization)

/**
 * How the Worker is.
 *
 * @since 0.1.0
 * @category api
 */
export const Health = HttpApiGroup.make("health").add(
  HttpApiEndpoint.get("check", "/health")
    .addSuccess(Healthy)
    .addSuccess(Degraded, { status: 503 })
    .annotateContext(about("How the Worker is, without waking a store."))
)

/**
 * The whole interface.
 *
 * @since 0.1.0
 * @category api
 */
export const Api = HttpApi.make("tidelog")
  .add(Stores)
  .add(Health)
  .annotateContext(OpenApi.annotations({ title: "Tidelog sync backend", version: "1" }))
