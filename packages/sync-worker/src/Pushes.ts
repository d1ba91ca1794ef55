/**
 * Pushes: one after another, whole or not at all, and once however often they are sent.
 *
 * @since 0.1.0
 */
import { LogEvent, Message, Refusal, SyncError } from "@tidelog/sync-protocol"
import type { FrameText, Limits } from "@tidelog/sync-protocol"
import * as Arr from "effect/Array"
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Cause from "effect/Cause"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Batch from "./Batch.ts"
import type { Session } from "./Connection.ts"
import type { EventLogService, HeadMismatch, LogEntry, StorageError } from "./EventLog.ts"
import { toEntry } from "./internal/entry.ts"
import * as Turns from "./internal/turns.ts"
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
   * `isWanted`: asked when its turn comes, and again when the app's rule has allowed it. A push whose
   * sender has left meanwhile, or may no longer push, is not stored: it will be sent again.
   */
  readonly accept: (
    request: Message.PushRequest,
    session: Session,
    isWanted: () => boolean
  ) => Effect.Effect<void, PushError>

  /**
   * Accepts events that were accepted elsewhere, with the times that they have from there. No rule
   * of the app is asked, and their number is the caller's own concern.
   */
  readonly restore: (
    events: NonEmptyReadonlyArray<Message.PulledEvent>
  ) => Effect.Effect<void, PushError>

  /** Runs something while no push is under way. */
  readonly alone: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

type Parts = NonEmptyReadonlyArray<FrameText.EventParts>

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
    const clock = yield* Effect.clock

    const lookUp = Effect.fnUntraced(function* (
      batch: Batch.Batch
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

    const serverAhead = (batch: Batch.Batch) =>
      new SyncError.ServerAheadError({
        minimumExpectedNum: tail.head(),
        providedNum: batch[0].parentSeqNum
      })

    const append = (batch: Batch.Batch, parts: Parts): Effect.Effect<void, StoreError> =>
      log.append(parts).pipe(
        Effect.matchEffect({
          onSuccess: () => {
            tail.advance(parts.map(toEntry))
            return Effect.void
          },
          // Whether it was an error or somebody else's event: what the log holds now decides.
          onFailure: (error) =>
            Effect.flatMap(lookUp(batch), (stored) => {
              if (stored === "same") return Effect.void
              return Effect.fail(stored === "nothing" ? error : serverAhead(batch))
            })
        })
      )

    const store = (batch: Batch.Batch, parts: Parts): Effect.Effect<void, StoreError> =>
      batch[0].parentSeqNum === tail.head()
        ? append(batch, parts)
        : Effect.flatMap(lookUp(batch), (stored) => {
            if (stored === "nothing") return append(batch, parts)
            return stored === "other" ? serverAhead(batch) : Effect.void
          })

    const alone: Pushes["alone"] = Turns.make(1).inTurn

    /**
     * Stores a push when its turn comes. It is stored whole or not at all, and the tail knows: from
     * then on nothing may come in between.
     */
    const storeInTurn = (
      batch: Batch.Batch,
      parts: Parts,
      isWanted: () => boolean,
      session?: Session
    ): Effect.Effect<void, PushError> =>
      Effect.suspend((): Effect.Effect<void, StoreError | PushError> =>
        isWanted() ? store(batch, parts) : abandoned
      ).pipe(
        Effect.uninterruptible,
        Effect.catchAll((error): Effect.Effect<never, PushError> => {
          if (error._tag === "HeadMismatch") return storageUnavailable
          return error._tag === "StorageError"
            ? Effect.zipRight(logStorageError(error, session), storageUnavailable)
            : Effect.fail(error)
        })
      )

    return {
      alone,
      accept: (request, session, isWanted) =>
        Effect.suspend(() => {
          const { backendId, batch } = request
          if (!Batch.isNonEmpty(batch)) return Effect.void
          if (Option.isSome(backendId) && backendId.value !== log.backendId) {
            return new SyncError.BackendIdMismatchError({
              expected: log.backendId,
              received: backendId.value
            })
          }
          const createdAt = toIso(clock.unsafeCurrentTimeMillis())
          const parts = Batch.toParts(batch, limits, () => createdAt)
          if (Either.isLeft(parts)) return parts.left
          const stored = storeInTurn(batch, parts.right, isWanted, session)
          const { onPush } = hooks
          if (onPush === undefined) return alone(stored)
          return alone(
            Effect.suspend((): Effect.Effect<void, PushError> =>
              isWanted()
                ? Effect.zipRight(
                    Effect.mapError(onPush(request, session), ({ message }) =>
                      refusal("PushRejected", message)
                    ),
                    stored
                  )
                : abandoned
            )
          )
        }),
      restore: Effect.fnUntraced(function* (events) {
        const now = toIso(clock.unsafeCurrentTimeMillis())
        const batch = Arr.map(events, ({ eventEncoded }) => eventEncoded)
        const parts = yield* Batch.toParts(
          batch,
          { ...limits, maxBatchEvents: batch.length },
          (index) =>
            Option.match(events[index]?.metadata ?? Option.none(), {
              onNone: () => now,
              onSome: ({ createdAt }) => createdAt
            })
        )
        yield* alone(storeInTurn(batch, parts, () => true))
      })
    }
  })

const storageUnavailable = Effect.suspend(() =>
  refusal("StorageUnavailable", "the events could not be stored just now; push them again")
)

const abandoned = Effect.suspend(() =>
  refusal("StorageUnavailable", "the connection was closed before the push had its turn")
)

const logStorageError = (error: StorageError, session: Session | undefined) =>
  Effect.logError(error.message, Cause.fail(error)).pipe(
    Effect.annotateLogs(
      session === undefined ? {} : { storeId: session.storeId, connectionId: session.connectionId }
    )
  )

const toIso = (millis: number): string => DateTime.formatIso(DateTime.unsafeMake(millis))

const refusal = (name: Refusal.RefusalName, message: string) =>
  new Refusal.Refusal({ name, message })

const decodePulledEvent = Schema.decodeUnknownSync(Schema.parseJson(Message.PulledEvent))

const isStored = (batch: Batch.Batch, stored: ReadonlyArray<LogEntry>): boolean =>
  batch.length === stored.length
  && batch.every((event, index) => {
    const entry = stored[index]
    return (
      entry?.seqNum === event.seqNum
      && LogEvent.isSame(event, decodePulledEvent(entry.json).eventEncoded)
    )
  })
