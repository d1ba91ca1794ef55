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
import type {
  EventLogService,
  HeadMismatch,
  LogEntry,
  LogReplaced,
  StorageError
} from "./EventLog.ts"
import type { Head } from "./Head.ts"
import { toEntry } from "./internal/entry.ts"
import { ownerOf } from "./internal/owner.ts"
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
  | LogReplaced

/**
 * The pushes of a store, one after another.
 *
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

/**
 * A push that can be stored. `parts`: the batch in the form in which it is. `rule`: what the app says of
 * it.
 */
interface Push {
  readonly batch: Batch.Batch
  readonly parts: NonEmptyReadonlyArray<FrameText.EventParts>
  readonly isWanted: () => boolean
  readonly session: Session | undefined
  readonly rule: Effect.Effect<void, Refusal.Refusal> | undefined
}

type StoreError = HeadMismatch | StorageError | PushError

/**
 * What the log holds in the place of a batch: the same, something else, or nothing yet. `beyond`: it
 * does not even hold what the batch follows.
 */
type Stored = "same" | "other" | "nothing" | "beyond"

/**
 * Bytes of the log that are looked at together for a batch. What is in its place may be much larger than the
 * batch: a client that was offline pushes a thousand small events to where others have stored large ones.
 */
const MAX_LOOK_UP_BYTES = 1_000_000

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: {
  readonly log: EventLogService
  readonly tail: Tail
  readonly head: Head
  readonly hooks: SyncHooksService
  readonly limits: Limits.LimitsService
}): Effect.Effect<Pushes> =>
  Effect.gen(function* () {
    const { head, hooks, limits, log, tail } = options
    const clock = yield* Effect.clock

    /** Whether an append failed, and it is not known since whether it was stored. */
    let isUnsure = false

    const lookUp = Effect.fnUntraced(
      function* ({ batch }: Push): Effect.fn.Return<Stored, LogReplaced | StorageError> {
        const [{ parentSeqNum }] = batch
        const last = yield* head.read
        isUnsure = false
        if (last === parentSeqNum) return "nothing"
        if (last < parentSeqNum) return "beyond"
        let rest: ReadonlyArray<LogEvent.LogEvent> = batch
        let after = parentSeqNum
        while (rest.length > 0) {
          if (after >= last) return "other"
          const stored = yield* log.read(after, {
            maxEvents: rest.length,
            maxBytes: MAX_LOOK_UP_BYTES
          })
          const end = stored.at(-1)
          if (end === undefined || !isStored(rest.slice(0, stored.length), stored)) return "other"
          rest = rest.slice(stored.length)
          after = end.seqNum
        }
        return "same"
      },
      (stored, { session }) => asOf(session)(stored)
    )

    /**
     * Why a batch cannot be stored where something else is, or where it would follow nothing. Whoever follows what
     * the log never had is mistaken about its own numbers, and holds nothing that is lost.
     */
    const misplaced = ({ batch }: Push, stored: "other" | "beyond") =>
      stored === "other" || batch[0].parentSeqNum > tail.highest()
        ? new SyncError.ServerAheadError({
            minimumExpectedNum: tail.head(),
            providedNum: batch[0].parentSeqNum
          })
        : new SyncError.BackendIdMismatchError({
            expected: log.backendId,
            received: log.backendId
          })

    const append = (push: Push): Effect.Effect<void, StoreError> =>
      log.append(push.parts).pipe(
        Effect.matchEffect({
          onSuccess: () => {
            tail.advance(push.parts.map(toEntry))
            return Effect.void
          },
          // Whether it was an error or somebody else's event: what the log holds now decides.
          onFailure: (error) => {
            isUnsure = true
            return Effect.flatMap(lookUp(push), (stored) => {
              if (stored === "same") return Effect.void
              return Effect.fail(stored === "nothing" ? error : misplaced(push, stored))
            })
          }
        })
      )

    /** It is stored whole or not at all, and the tail knows: nothing may come in between. */
    const appendIfWanted = (push: Push) =>
      Effect.uninterruptible(Effect.suspend(() => (push.isWanted() ? append(push) : abandoned)))

    /** Stores what is not stored yet, if the app's rule allows it. */
    const store = (push: Push): Effect.Effect<void, StoreError> =>
      push.rule === undefined
        ? appendIfWanted(push)
        : Effect.zipRight(push.rule, appendIfWanted(push))

    /** The rule is not asked about what is stored already: a push may be repeated. */
    const storeOnce = (push: Push): Effect.Effect<void, StoreError> =>
      !isUnsure && push.batch[0].parentSeqNum === tail.head()
        ? store(push)
        : Effect.flatMap(lookUp(push), (stored) => {
            if (stored === "nothing") return store(push)
            return stored === "same" ? Effect.void : misplaced(push, stored)
          })

    /** Turns away a push for another log, if this is still the log itself. */
    const isOther = (received: string, session: Session): Effect.Effect<never, PushError> =>
      head.confirmAfter(head.answers()).pipe(
        Effect.catchTag("StorageError", (error) =>
          Effect.zipRight(logStorageError(error, session), storageUnavailable)
        ),
        Effect.zipRight(
          Effect.fail(new SyncError.BackendIdMismatchError({ expected: log.backendId, received }))
        )
      )

    const alone: Pushes["alone"] = Turns.make(1).inTurn

    /** Stores a push when its turn comes. */
    const storeInTurn = (push: Push): Effect.Effect<void, PushError> =>
      Effect.suspend(() => (push.isWanted() ? storeOnce(push) : abandoned)).pipe(
        Effect.catchAll((error): Effect.Effect<never, PushError> => {
          if (error._tag === "HeadMismatch") return storageUnavailable
          return error._tag === "StorageError"
            ? Effect.zipRight(logStorageError(error, push.session), storageUnavailable)
            : Effect.fail(error)
        }),
        alone
      )

    return {
      alone,
      accept: (request, session, isWanted) =>
        Effect.suspend(() => {
          const { backendId, batch } = request
          if (!Batch.isNonEmpty(batch)) return Effect.void
          if (Option.isSome(backendId) && backendId.value !== log.backendId) {
            return isOther(backendId.value, session)
          }
          const createdAt = toIso(clock.unsafeCurrentTimeMillis())
          const parts = Batch.toParts(batch, limits, () => createdAt)
          if (Either.isLeft(parts)) return parts.left
          const { onPush } = hooks
          const rule =
            onPush === undefined
              ? undefined
              : Effect.mapError(
                  Effect.suspend(() => onPush(request, session)),
                  ({ message }) => refusal("PushRejected", message)
                )
          return storeInTurn({ batch, parts: parts.right, isWanted, session, rule })
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
        const isWanted = () => true
        yield* storeInTurn({ batch, parts, isWanted, session: undefined, rule: undefined })
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
  asOf(session)(Effect.logError(error.message, Cause.fail(error)))

/** Names the connection in the log, if there is one. */
const asOf = (session: Session | undefined) =>
  Effect.annotateLogs(session === undefined ? {} : ownerOf(session))

const toIso = (millis: number): string => DateTime.formatIso(DateTime.unsafeMake(millis))

const refusal = (name: Refusal.RefusalName, message: string) =>
  new Refusal.Refusal({ name, message })

const decodePulledEvent = Schema.decodeUnknownSync(Schema.parseJson(Message.PulledEvent))

/** Whether each of these events is what is stored, one by one. */
const isStored = (
  batch: ReadonlyArray<LogEvent.LogEvent>,
  stored: ReadonlyArray<LogEntry>
): boolean =>
  batch.length === stored.length
  && batch.every((event, index) => {
    const entry = stored[index]
    return (
      entry?.seqNum === event.seqNum
      && LogEvent.isSame(event, decodePulledEvent(entry.json).eventEncoded)
    )
  })
