/**
 * The admin interface for scripts: a typed client, from the description that the server has.
 *
 * @since 0.1.0
 */
import * as HttpApiClient from "@effect/platform/HttpApiClient"
import * as HttpClient from "@effect/platform/HttpClient"
import type { HttpClientError } from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { Chunking, Limits, LogEvent } from "@tidelog/sync-protocol"
import type { Handshake, Message } from "@tidelog/sync-protocol"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as ParseResult from "effect/ParseResult"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import { StoreNotFound, StoreUnavailable } from "../AdminError.ts"
import * as Ndjson from "../internal/ndjson.ts"
import * as AdminApi from "./AdminApi.ts"

/**
 * `url`: of the Worker, with nothing behind its host. `secret`: its `ADMIN_SECRET`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  readonly url: string
  readonly secret: string | Redacted.Redacted
}

const { maxBatchEvents, maxPageBytes } = Limits.defaults

/** The lines of one request of an import: what a store takes at once, in number and in bytes. */
const batches = Sink.foldWeighted<Chunk.Chunk<string>, string>({
  initial: Chunk.empty(),
  maxCost: maxPageBytes,
  cost: (_, line) => Math.max(Chunking.byteLength(line), maxPageBytes / maxBatchEvents),
  body: Chunk.append
})

const ExportError = Schema.Union(AdminApi.Unauthorized, StoreNotFound, StoreUnavailable)

const decodeExportError = HttpClientResponse.schemaBodyJson(ExportError)

const toLine = Schema.encode(AdminApi.Line)

const fromLine = Schema.decode(AdminApi.Line)

/**
 * An export ended before the log did. `last`: the last event that came, or the one behind which it began.
 * `head`: where the log ended when the export was asked for.
 *
 * @since 0.1.0
 * @category errors
 */
export class ExportBrokenOff extends Schema.TaggedError<ExportBrokenOff>(
  "@tidelog/sync-worker/AdminClient/ExportBrokenOff"
)("ExportBrokenOff", { last: LogEvent.SeqNum, head: LogEvent.SeqNum }) {
  override get message() {
    return `the export broke off behind event ${this.last}; the log goes on to ${this.head}`
  }
}

/** Where the log ended, if the server says so. */
const headOf = ({ headers }: HttpClientResponse.HttpClientResponse) =>
  Schema.decodeUnknownOption(HeadFromText)(headers[AdminApi.HEAD_HEADER])

const HeadFromText = Schema.compose(Schema.NumberFromString, LogEvent.SeqNum)

/** Fails at the end if that is before `head`: the end of an answer does not tell whether it is whole. */
const upTo =
  (head: LogEvent.SeqNum, after: LogEvent.SeqNum) =>
  <E, R>(
    events: Stream.Stream<Message.PulledEvent, E, R>
  ): Stream.Stream<Message.PulledEvent, E | ExportBrokenOff, R> =>
    Stream.suspend(() => {
      let last = after
      const end = Effect.suspend(() =>
        last < head ? new ExportBrokenOff({ last, head }) : Effect.void
      )
      return events.pipe(
        Stream.tap(({ eventEncoded }) =>
          Effect.sync(() => {
            last = eventEncoded.seqNum
          })
        ),
        Stream.concat(Stream.execute(end))
      )
    })

/**
 * The client. Each endpoint of the description is a method of its group, as in
 * `client.stores.info({ path: { storeId } })`; beside them, exports and imports as streams.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = Effect.fnUntraced(function* ({ secret, url }: Options) {
  const token = typeof secret === "string" ? Redacted.make(secret) : secret
  const base = yield* HttpClient.HttpClient
  const http = HttpClient.mapRequest(base, (request) =>
    request.pipe(HttpClientRequest.prependUrl(url), HttpClientRequest.bearerToken(token))
  )
  const api = yield* HttpApiClient.makeWith(AdminApi.Api, { httpClient: http })

  /**
   * The events of a store after a position, or all of them, as they come in. Fails if it breaks off: go on
   * from the last event that came.
   */
  const exportEvents = (
    storeId: Handshake.StoreId,
    { after = LogEvent.ROOT }: { readonly after?: LogEvent.SeqNum } = {}
  ): Stream.Stream<
    Message.PulledEvent,
    | typeof ExportError.Type
    | ExportBrokenOff
    | HttpClientError
    | ParseResult.ParseError
    | Ndjson.UnreadableLine
  > =>
    Effect.gen(function* () {
      const segment = yield* Schema.encode(AdminApi.StoreIdInPath)(storeId)
      const response = yield* http.get(`/admin/stores/${segment}/events`, { urlParams: { after } })
      if (response.status !== 200) {
        return yield* Effect.flatMap(decodeExportError(response), Effect.fail)
      }
      return response.stream.pipe(
        Ndjson.lines(Number.POSITIVE_INFINITY),
        Stream.mapEffect((lines) =>
          Effect.forEach(lines, (line) =>
            Effect.flatMap(Ndjson.decode(line), ({ text }) => fromLine(text))
          )
        ),
        Stream.flattenIterables,
        upTo(
          Option.getOrElse(headOf(response), () => after),
          after
        )
      )
    }).pipe(Stream.unwrap)

  /**
   * Stores events in a store that ends at `after`: an empty or a new one if not told. They are sent
   * in batches, one after another, each of which is stored whole or not at all. How many were
   * stored, and where the store ends now.
   */
  const importEvents = <E, R>(
    storeId: Handshake.StoreId,
    events: Stream.Stream<Message.PulledEvent, E, R>,
    options: { readonly after?: LogEvent.SeqNum } = {}
  ) => {
    const start = { imported: 0, head: options.after ?? LogEvent.ROOT }
    const send = (done: typeof start, text: string) =>
      Effect.map(
        api.stores.importEvents({
          path: { storeId },
          urlParams: { after: done.head },
          payload: text
        }),
        ({ head, imported }) => ({ head, imported: done.imported + imported })
      )
    return events.pipe(
      Stream.mapEffect((event) => Effect.map(toLine(event), (line) => `${line}\n`)),
      Stream.transduce(batches),
      Stream.filter(Chunk.isNonEmpty),
      Stream.map(Chunk.join("")),
      // Without events there is still one request: the store has to stand where it is said to.
      Stream.orElseIfEmpty(() => ""),
      Stream.runFoldEffect(start, send)
    )
  }

  return { ...api, exportEvents, importEvents }
})
