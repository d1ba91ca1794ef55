/**
 * What the admin and health routes do.
 *
 * @since 0.1.0
 */
import type * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpApiSecurity from "@effect/platform/HttpApiSecurity"
import { HttpServerRequest, ParsedSearchParams } from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as OpenApi from "@effect/platform/OpenApi"
import { Handshake, LogEvent } from "@tidelog/sync-protocol"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as AdminError from "../AdminError.ts"
import * as AdminOperation from "../AdminOperation.ts"
import { AdminStorage } from "../AdminStorage.ts"
import type { StorageError } from "../EventLog.ts"
import { isSameSecret } from "../internal/secret.ts"
import { VERSION } from "../internal/version.ts"
import { StoreObjects } from "../StoreObjects.ts"
import * as AdminApi from "./AdminApi.ts"
import * as Export from "./Export.ts"
import * as Import from "./Import.ts"

/**
 * What a request has to carry to look after stores.
 *
 * @since 0.1.0
 * @category tags
 */
export class AdminSecret extends Context.Tag(
  "@tidelog/sync-worker/admin/AdminHandlers/AdminSecret"
)<AdminSecret, Redacted.Redacted>() {}

const unauthorized = HttpServerResponse.schemaJson(AdminApi.Unauthorized)

const PAGE_STORES = 100

/** The database has this long to answer whoever asks for the Worker's health. */
const HEALTH_DEADLINE = "5 seconds"

const unavailable = (message: string) => new AdminError.StoreUnavailable({ message })

/** For whoever set the Worker up. */
const logNotConfigured = Effect.logError(
  "the Worker has no such storage: makeWorker is to be told the `storage` that makeDurableObject is told"
)

const notConfigured = Effect.zipRight(
  logNotConfigured,
  Effect.suspend(() => unavailable("the storage is not configured"))
)

/** The storage's own words stay in the server's log. */
const unreadable = (error: StorageError) =>
  Effect.zipRight(
    Effect.logError(error.message, Cause.fail(error)),
    unavailable("the list of stores cannot be read just now")
  )

/** Fails if there is no store of this id, as far as that can be told without its object. */
const find = (storeId: Handshake.StoreId) =>
  Effect.flatMap(AdminStorage, (storage) => {
    switch (storage._tag) {
      case "PerObject":
        return Effect.void
      case "NotConfigured":
        return notConfigured
      case "Registry":
        return storage.registry.get(storeId).pipe(
          Effect.catchAll(unreadable),
          Effect.filterOrFail(Option.isSome, () => new AdminError.StoreNotFound())
        )
    }
  })

/** Nothing but the import is answered so. */
const asUnavailable = <A, R>(effect: Effect.Effect<A, AdminError.OperationError, R>) =>
  Effect.catchTags(effect, {
    NotAtHead: (error) => Effect.die(error),
    InvalidEvents: (error) => Effect.die(error)
  })

/** Has an operation done by a store's object, whatever the registry knows of the store. */
const send = <Success, Encoded>(
  storeId: Handshake.StoreId,
  operation: AdminOperation.OperationOf<Success, Encoded>
) => Effect.flatMap(StoreObjects, (objects) => asUnavailable(objects.send(storeId, operation)))

/** Has an operation done to a store that exists. */
const operate = <Success, Encoded>(
  storeId: Handshake.StoreId,
  operation: AdminOperation.OperationOf<Success, Encoded>
) => Effect.zipRight(find(storeId), send(storeId, operation))

/** Likewise, and the log tells of it. */
const change = <Success, Encoded>(
  storeId: Handshake.StoreId,
  operation: AdminOperation.OperationOf<Success, Encoded>
) => Effect.tap(operate(storeId, operation), () => report(storeId, operation._tag))

/** Whether there is a store, registered or not; `undefined` if only its object can tell. */
const exists = (storeId: Handshake.StoreId) =>
  Effect.flatMap(AdminStorage, (storage) =>
    storage._tag === "Registry"
      ? storage.registry.get(storeId).pipe(
          Effect.flatMap((store) =>
            Option.isSome(store) ? Effect.succeed(true) : storage.registry.hasLog(storeId)
          ),
          Effect.catchAll(unreadable)
        )
      : Effect.succeed(undefined)
  )

/**
 * A restored database may have lost a store's registration, which is made anew, or all of a store
 * that its clients have open.
 */
const renew = (storeId: Handshake.StoreId) =>
  Effect.catchTag(operate(storeId, new AdminOperation.Renew()), "StoreNotFound", (notFound) =>
    Effect.flatMap(exists(storeId), (isStored) =>
      isStored === true
        ? send(storeId, new AdminOperation.Renew())
        : Effect.flatMap(send(storeId, new AdminOperation.Reopen()), ({ backendId }) =>
            backendId === undefined ? notFound : Effect.succeed({ backendId })
          )
    )
  )

const report = (storeId: Handshake.StoreId, operation: string) =>
  Effect.logInfo("store looked after").pipe(Effect.annotateLogs({ storeId, operation }))

/** A request without a body has no events. */
const bodyOf = (request: HttpServerRequest): Stream.Stream<Uint8Array, unknown> =>
  Predicate.hasProperty(request.source, "body") && request.source.body === null
    ? Stream.empty
    : request.stream

const layerStores = HttpApiBuilder.group(AdminApi.Api, "stores", (handlers) =>
  handlers
    .handle(
      "list",
      Effect.fnUntraced(function* ({ urlParams: { after, limit = PAGE_STORES } }) {
        const storage = yield* AdminStorage
        switch (storage._tag) {
          case "Registry":
            return yield* Effect.catchAll(storage.registry.list({ after, limit }), unreadable)
          case "NotConfigured":
            return yield* notConfigured
          case "PerObject":
            return yield* new AdminApi.NotSupported({
              message: "each store keeps its events in its own object; nothing lists them"
            })
        }
      })
    )
    .handle("openApi", () => Effect.sync(() => OpenApi.fromApi(AdminApi.Api)))
    .handle("info", ({ path: { storeId } }) => operate(storeId, new AdminOperation.Info()))
    .handleRaw(
      "exportEvents",
      Effect.fnUntraced(function* ({ path: { storeId }, urlParams: { after = LogEvent.ROOT } }) {
        yield* find(storeId)
        const { head, texts } = yield* asUnavailable(Export.run({ storeId, after }))
        return HttpServerResponse.stream(Stream.encodeText(texts), {
          contentType: AdminApi.NDJSON,
          headers: { [AdminApi.HEAD_HEADER]: String(head) }
        })
      })
    )
    .handleRaw(
      "importEvents",
      ({ path: { storeId }, request, urlParams: { after = LogEvent.ROOT } }) =>
        exists(storeId).pipe(
          Effect.flatMap((known) =>
            Import.run({ storeId, after, exists: known, body: bodyOf(request) })
          ),
          Effect.tap(() => report(storeId, "Restore")),
          Effect.map((imported) => HttpServerResponse.unsafeJson(imported))
        )
    )
    .handle("reset", ({ path: { storeId } }) => change(storeId, new AdminOperation.Reset()))
    .handle("renew", ({ path: { storeId } }) =>
      Effect.tap(renew(storeId), () => report(storeId, "Renew"))
    )
    .handle("delete", ({ path: { storeId } }) => change(storeId, new AdminOperation.Delete()))
    // Asks no registry: an access has to end also while the database does not answer.
    .handle("revoke", ({ path: { storeId }, payload: { identity } }) =>
      send(storeId, new AdminOperation.Revoke({ identity })).pipe(
        // It is for any store.
        Effect.catchTag("StoreNotFound", (error) => Effect.die(error)),
        Effect.tap(() => report(storeId, "Revoke"))
      )
    )
)

const about = { version: VERSION, protocol: Handshake.PROTOCOL_VERSION }

type HealthReport = typeof AdminApi.Healthy.Type | typeof AdminApi.Degraded.Type

/**
 * How the Worker is. It wakes no object.
 *
 * @since 0.1.0
 * @category operations
 */
export const health = Effect.flatMap(AdminStorage, (storage): Effect.Effect<HealthReport> => {
  switch (storage._tag) {
    case "PerObject":
      return Effect.succeed({ status: "ok", ...about, storage: "per-object" })
    case "NotConfigured":
      return Effect.as(logNotConfigured, {
        status: "degraded" as const,
        ...about,
        storage: "not-configured" as const
      })
    case "Registry":
      return storage.registry.ping.pipe(
        Effect.timeout(HEALTH_DEADLINE),
        Effect.as<HealthReport>({ status: "ok", ...about, storage: "ok" }),
        Effect.catchAll((error) =>
          Effect.as(Effect.logError("the storage does not answer", Cause.fail(error)), {
            status: "degraded" as const,
            ...about,
            storage: "unavailable" as const
          })
        )
      )
  }
})

const layerHealth = HttpApiBuilder.group(AdminApi.Api, "health", (handlers) =>
  handlers.handle("check", () => health)
)

/** The store that a request names, for the log. */
const storeIdOf = (url: string): Option.Option<string> =>
  Option.fromNullable(/^\/admin\/stores\/([^/?]+)/.exec(url)?.[1]).pipe(
    Option.flatMap(Option.liftThrowable(decodeURIComponent)),
    Option.flatMap(Schema.decodeOption(AdminApi.StoreIdInPath))
  )

/** An error as its answer tells it. Of what cannot be read, the words would quote it. */
const Answered = Schema.parseJson(
  Schema.Struct({ _tag: Schema.String, message: Schema.optional(Schema.String) })
)

const whyRefused = ({ body }: HttpServerResponse.HttpServerResponse) => {
  const text = body._tag === "Uint8Array" ? new TextDecoder().decode(body.body) : ""
  return Option.match(Schema.decodeOption(Answered)(text), {
    onNone: () => ({ reason: text.trim() }),
    onSome: ({ _tag: refusal, message }) => ({
      refusal,
      reason: refusal === "HttpApiDecodeError" ? "what was sent cannot be read" : message
    })
  })
}

/**
 * Says in the log who was refused what (SPEC: REFUSE-5). What they gave for the secret is not in it.
 *
 * @since 0.1.0
 * @category operations
 */
export const logRefusal = (
  response: HttpServerResponse.HttpServerResponse
): Effect.Effect<void, never, HttpServerRequest> =>
  response.status < 400
    ? Effect.void
    : Effect.flatMap(HttpServerRequest, ({ method, url }) =>
        // Whoever asks for the Worker's health is answered, whatever that is.
        response.status === 503 && url.startsWith("/health")
          ? Effect.void
          : Effect.logWarning("request refused").pipe(
              Effect.annotateLogs({
                ...Option.match(storeIdOf(url), {
                  onNone: () => ({}),
                  onSome: (storeId) => ({ storeId })
                }),
                status: response.status,
                ...whyRefused(response),
                method
              })
            )
      )

/** Fails if what was given for the secret is not it. */
const authorise = (given: Redacted.Redacted) =>
  Effect.flatMap(AdminSecret, (secret) =>
    isSameSecret(Redacted.value(given), Redacted.value(secret))
  ).pipe(
    Effect.filterOrFail(
      (isSame) => isSame,
      () => new AdminApi.Unauthorized({ message: "the admin secret is missing or wrong" })
    ),
    Effect.asVoid
  )

const layerAuthorization = Layer.effect(
  AdminApi.Authorization,
  Effect.map(AdminSecret, (secret) => ({
    bearer: (given: Redacted.Redacted) =>
      Effect.provideService(authorise(given), AdminSecret, secret)
  }))
)

/**
 * Answers a request that no route is for: whoever looks after stores hears that, and nobody else.
 *
 * @since 0.1.0
 * @category operations
 */
export const noRoute: Effect.Effect<
  HttpServerResponse.HttpServerResponse,
  never,
  AdminSecret | HttpServerRequest
> = Effect.flatMap(HttpServerRequest, ({ url }) =>
  url.startsWith("/admin/")
    ? Effect.flatMap(HttpApiBuilder.securityDecode(HttpApiSecurity.bearer), authorise)
    : Effect.void
).pipe(
  // The secret is never in the URL.
  Effect.provideService(ParsedSearchParams, {}),
  Effect.as(HttpServerResponse.text("Not found.\n", { status: 404 })),
  // All that it says is a text, which can be written.
  Effect.catchTag("Unauthorized", (error) => Effect.orDie(unauthorized(error, { status: 401 })))
)

/**
 * The handlers of the whole description.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<
  HttpApi.Api,
  never,
  AdminSecret | AdminStorage | StoreObjects | HttpApiBuilder.Router
> = HttpApiBuilder.api(AdminApi.Api).pipe(
  Layer.provide([layerStores, layerHealth]),
  Layer.provide(layerAuthorization)
)
