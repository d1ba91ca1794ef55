/**
 * Pushes: one after another, whole or not at all, and once however often they are sent.
 *
 * @since 0.1.0
 */
import { Chunking, LogEvent, Message, Refusal, SyncError } from "@tidelog/sync-protocol"
import type { FrameText, Limits } from "@tidelog/sync-protocol"
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Session } from "./Connection.ts"
import type { EventLogService, HeadMismatch, LogEntry, StorageError } from "./EventLog.ts"
import { isDeeperThan } from "./internal/depth.ts"
import { toEntry } from "./internal/entry.ts"
import type { SyncHooksService } from "./SyncHooks.ts"
import type { Tail } from "./Tail.ts"

/**
 * Why a push was not accepted.
 *
 * @since 0.1.0
 * @category errors
 */
export type PushError =
  | Refusal.Refusal
  | SyncError.ServerAheadError
  | SyncError.BackendIdMismatchError

/**
 * @since 0.1.0
 * @category models
 */
export interface Pushes {
  /**
   * Accepts a push: when it succeeds, the events are stored and the tail has moved. It also
   * succeeds if they were stored before.
   *
   * `isWanted`: asked when its turn comes. A push whose sender has left meanwhile is not begun, so
   * that nobody waits for it: it will be sent again.
   */
  readonly accept: (
    request: Message.PushRequest,
    session: Session,
    isWanted: () => boolean
  ) => Effect.Effect<void, PushError>
}

type StoreError = HeadMismatch | StorageError | SyncError.ServerAheadError

/** What the log holds in the place of a batch: the same, something else, or nothing yet. */
type Stored = "same" | "other" | "nothing"

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: {
  readonly log: EventLogService
  readonly tail: Tail
  readonly hooks: SyncHooksService
  readonly limits: Limits.LimitsService
}): Effect.Effect<Pushes> =>
  Effect.gen(function* () {
    const { hooks, limits, log, tail } = options
    const oneAtATime = yield* Effect.makeSemaphore(1)

    const lookUp = Effect.fnUntraced(function* (
      batch: Batch
    ): Effect.fn.Return<Stored, StorageError> {
      const known = tail.head()
      const head = yield* log.head
      tail.correct(known, head)
      if (head === batch[0].parentSeqNum) return "nothing"
      const stored = yield* log.read(batch[0].parentSeqNum, {
        maxEvents: batch.length,
        maxBytes: Number.MAX_SAFE_INTEGER
      })
      return isStored(batch, stored) ? "same" : "other"
    })

    const serverAhead = (batch: Batch) =>
      new SyncError.ServerAheadError({
        minimumExpectedNum: tail.head(),
        providedNum: batch[0].parentSeqNum
      })

    const append = (batch: Batch, parts: NonEmptyReadonlyArray<FrameText.EventParts>) =>
      log.append(parts).pipe(
        Effect.map(() => tail.advance(parts.map(toEntry))),
        // Whether it was an error or somebody else's event: what the log holds now decides.
        Effect.catchAll((error) =>
          Effect.flatMap(lookUp(batch), (stored): Effect.Effect<void, StoreError> => {
            if (stored === "same") return Effect.void
            return Effect.fail(stored === "nothing" ? error : serverAhead(batch))
          })
        )
      )

    const store = Effect.fnUntraced(
      function* (
        batch: Batch,
        parts: NonEmptyReadonlyArray<FrameText.EventParts>
      ): Effect.fn.Return<void, StoreError> {
        if (batch[0].parentSeqNum === tail.head()) return yield* append(batch, parts)
        const stored = yield* lookUp(batch)
        if (stored === "nothing") return yield* append(batch, parts)
        return yield* stored === "other" ? serverAhead(batch) : Effect.void
      },
      // A push is stored whole or not at all, and the tail knows: nothing may come in between.
      Effect.uninterruptible,
      Effect.catchTags({
        StorageError: (error) => Effect.zipRight(logStorageError(error), storageUnavailable),
        HeadMismatch: () => storageUnavailable
      })
    )

    return {
      accept: Effect.fn("Pushes.accept")(function* (request, session, isWanted) {
        const batch = request.batch
        if (!isNonEmpty(batch)) return
        yield* checkBackendId(request, log.backendId)
        yield* checkBatch(batch, limits)
        const parts = yield* toParts(batch, limits)
        yield* oneAtATime.withPermits(1)(
          Effect.suspend(() =>
            isWanted()
              ? hooks.onPush(request, session).pipe(
                  Effect.mapError(({ message }) => refusal("PushRejected", message)),
                  Effect.zipRight(store(batch, parts))
                )
              : abandoned
          )
        )
      })
    }
  })

type Batch = NonEmptyReadonlyArray<LogEvent.LogEvent>

const isNonEmpty = <A>(items: ReadonlyArray<A>): items is NonEmptyReadonlyArray<A> =>
  items.length > 0

const storageUnavailable = Effect.suspend(() =>
  refusal("StorageUnavailable", "the events could not be stored just now; push them again")
)

const abandoned = Effect.suspend(() =>
  refusal("StorageUnavailable", "the connection was closed before the push had its turn")
)

const logStorageError = (error: StorageError) => Effect.logError(error.message, Cause.fail(error))

const checkBackendId = (request: Message.PushRequest, expected: SyncError.BackendId) =>
  request.backendId._tag === "Some" && request.backendId.value !== expected
    ? Effect.fail(
        new SyncError.BackendIdMismatchError({ expected, received: request.backendId.value })
      )
    : Effect.void

const checkBatch = (batch: Batch, limits: Limits.LimitsService) => {
  if (batch.length > limits.maxBatchEvents) {
    return refusal(
      "BatchTooLarge",
      `the push has ${batch.length} events; at most ${limits.maxBatchEvents} are taken at once`
    )
  }
  const broken = LogEvent.findBrokenLink(batch)
  if (broken !== undefined) return refusal("InvalidBatch", broken.message)
  for (const { args, clientId, name, seqNum, sessionId } of batch) {
    if (![name, clientId, sessionId].every(isName)) {
      return refusal(
        "InvalidBatch",
        `event ${seqNum} has a name or an id that is no valid text, or is longer than ${MAX_NAME} characters`
      )
    }
    if (isDeeperThan(args, MAX_DEPTH)) {
      return refusal("InvalidBatch", `event ${seqNum} is nested deeper than ${MAX_DEPTH} levels`)
    }
  }
  return Effect.void
}

const refusal = (name: Refusal.RefusalName, message: string) =>
  new Refusal.Refusal({ name, message })

/** Characters of an event's name, and of the ids of its client and session. */
const MAX_NAME = 256

/** A SQLite text is UTF-8 without a NUL. Arguments are JSON, which escapes both. */
const isName = (text: string): boolean =>
  text.length <= MAX_NAME && text.isWellFormed() && !text.includes("\0")

/**
 * Levels of an event's arguments. What is stored is read by every client, and some of the code on
 * its way recurses. As deep as SQLite's own JSON functions go.
 */
const MAX_DEPTH = 1_000

/** Each event's arguments become text here, once, and are not read again. */
const toParts = Effect.fnUntraced(function* (batch: Batch, limits: Limits.LimitsService) {
  const createdAt = DateTime.formatIso(DateTime.unsafeMake(yield* Clock.currentTimeMillis))
  const [first, ...rest] = batch
  const toPart = (event: LogEvent.LogEvent): FrameText.EventParts => ({
    ...event,
    args: event.args === undefined ? undefined : JSON.stringify(event.args),
    createdAt
  })
  const parts: NonEmptyReadonlyArray<FrameText.EventParts> = [toPart(first), ...rest.map(toPart)]
  const tooLarge = parts.find((part) => sizeOf(part, limits.maxEventBytes) > limits.maxEventBytes)
  if (tooLarge !== undefined) {
    return yield* refusal(
      "EventTooLarge",
      `event ${tooLarge.seqNum} (${tooLarge.name.slice(0, 100)}) is larger than ${limits.maxEventBytes} bytes`
    )
  }
  return parts
})

/** Bytes of an event's name and arguments. Counted only where the length leaves it open. */
const sizeOf = (part: FrameText.EventParts, limit: number): number => {
  const length = part.name.length + (part.args?.length ?? 0)
  return length * 3 <= limit
    ? length
    : Chunking.byteLength(part.name) + Chunking.byteLength(part.args ?? "")
}

const decodePulledEvent = Schema.decodeUnknownSync(Schema.parseJson(Message.PulledEvent))

const isStored = (batch: Batch, stored: ReadonlyArray<LogEntry>): boolean =>
  batch.length === stored.length
  && batch.every((event, index) => {
    const entry = stored[index]
    return (
      entry?.seqNum === event.seqNum
      && LogEvent.isSame(event, decodePulledEvent(entry.json).eventEncoded)
    )
  })
