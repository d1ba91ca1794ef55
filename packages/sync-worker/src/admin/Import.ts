/**
 * Events from a text into a store, batch by batch as they come in.
 *
 * @since 0.1.0
 */
import { Chunking, Limits, LogEvent, Message } from "@tidelog/sync-protocol"
import type { Handshake } from "@tidelog/sync-protocol"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as AdminError from "../AdminError.ts"
import * as AdminOperation from "../AdminOperation.ts"
import * as Batch from "../Batch.ts"
import { describe } from "../internal/describe.ts"
import * as Ndjson from "../internal/ndjson.ts"
import { StoreObjects } from "../StoreObjects.ts"
import * as AdminApi from "./AdminApi.ts"

const limits = Limits.defaults

/** Bytes of a line. An event may be written with every character escaped, as `\u00e9` is. */
const MAX_LINE = 4 * limits.maxEventBytes

/** The text may take as long as it likes, as long as some of it comes. */
const IDLE = "1 minute"

const decodeEvent = Schema.decodeUnknownEither(Message.PulledEvent)

/** The event of a line, or what is wrong with it. */
const decodeLine = (text: string): Either.Either<Message.PulledEvent, string> =>
  Either.flatMap(
    Either.try({ try: () => JSON.parse(text) as unknown, catch: () => "the line is no JSON" }),
    (json) => Either.mapLeft(decodeEvent(json), describe)
  )

/** ISO 8601 in UTC, as every server of this protocol writes it. */
const isTime = (text: string): boolean =>
  /^\d{4}-\d\d-\d\dT[\d:.]{1,20}Z$/.test(text) && Option.isSome(DateTime.make(text))

/** What is wrong with a line, as far as that shows without the store. */
const check = (
  { eventEncoded, metadata }: Message.PulledEvent,
  last: LogEvent.SeqNum
): Effect.Effect<unknown, string> => {
  if (eventEncoded.parentSeqNum !== last) {
    return Effect.fail(
      `event ${eventEncoded.seqNum} names ${eventEncoded.parentSeqNum} as its parent, and comes after ${last}`
    )
  }
  if (Option.isSome(metadata) && !isTime(metadata.value.createdAt)) {
    return Effect.fail(`createdAt of event ${eventEncoded.seqNum} is no time in ISO 8601, UTC`)
  }
  return Effect.mapError(
    Batch.toParts([eventEncoded], limits, () => ""),
    ({ message }) => message
  )
}

/**
 * Appends the events of a text to a store that ends at `after`. Whatever stops it, the error says
 * where the store stands, so that the rest can be sent later.
 *
 * @since 0.1.0
 * @category operations
 */
export const run = Effect.fnUntraced(function* <E, R>(options: {
  readonly storeId: Handshake.StoreId
  readonly after: LogEvent.SeqNum
  /** Whether there is such a store; `undefined` if only its object can tell. */
  readonly exists: boolean | undefined
  readonly body: Stream.Stream<Uint8Array, E, R>
}) {
  const { after, body, exists, storeId } = options
  const objects = yield* StoreObjects

  let batch: Array<Message.PulledEvent> = []
  let bytes = 0
  let firstLine = 1
  let last = after
  let head = after
  let imported = 0
  let isOpened = false

  const stopped = (message: string) => new AdminApi.ImportInterrupted({ head, message })

  const invalid = (line: number, message: string) =>
    new AdminApi.InvalidLine({ line, head, message })

  const flush = Effect.suspend(() => {
    const events = batch
    batch = []
    bytes = 0
    if (!Batch.isNonEmpty(events)) return Effect.void
    isOpened = true
    return objects.send(storeId, new AdminOperation.Restore({ events })).pipe(
      Effect.map(() => {
        imported += events.length
        head = last
      }),
      Effect.catchTags({
        // It makes the store.
        StoreNotFound: (error) => Effect.die(error),
        StoreUnavailable: ({ message }) => stopped(message),
        InvalidEvents: ({ message }) => invalid(firstLine, message)
      })
    )
  })

  const take = Effect.fnUntraced(function* (encoded: Ndjson.Line) {
    const { line, text } = yield* Ndjson.decode(encoded)
    if (text.trim() === "") return
    const decoded = decodeLine(text)
    if (Either.isLeft(decoded)) return yield* invalid(line, decoded.left)
    yield* Effect.mapError(check(decoded.right, last), (message) => invalid(line, message))
    const size = Chunking.byteLength(text)
    if (batch.length === limits.maxBatchEvents || bytes + size > limits.maxPageBytes) yield* flush
    if (batch.length === 0) firstLine = line
    batch.push(decoded.right)
    bytes += size
    last = decoded.right.eventEncoded.seqNum
  })

  /** A store that is not there is not made only to hear that it is empty. */
  const readHead = Effect.suspend(() => {
    if (exists === false) return Effect.succeed(LogEvent.ROOT)
    isOpened = true
    return objects.send(storeId, new AdminOperation.Head()).pipe(
      Effect.map(({ head }) => head),
      Effect.catchTags({
        StoreNotFound: (error) => Effect.die(error),
        InvalidEvents: (error) => Effect.die(error)
      })
    )
  })

  /** A store that was made for nothing is deleted again. Its object knows whether it was. */
  const discard = Effect.suspend(() =>
    imported > 0 || exists === true || !isOpened
      ? Effect.void
      : Effect.ignore(objects.send(storeId, new AdminOperation.Discard()))
  )

  return yield* Effect.gen(function* () {
    const standing = yield* readHead
    if (standing !== after) return yield* AdminError.NotAtHead.at(standing)
    yield* body.pipe(
      Stream.mapError(() => stopped("the text of the events broke off")),
      Stream.timeoutFail(() => stopped("nothing of the events came for a minute"), IDLE),
      Ndjson.lines(MAX_LINE),
      Stream.runForEach((lines) => Effect.forEach(lines, take, { discard: true })),
      Effect.catchTag("UnreadableLine", ({ line, message }) => invalid(line, message))
    )
    yield* flush
    return { imported, head }
  }).pipe(Effect.ensuring(discard))
})
