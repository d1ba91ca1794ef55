/**
 * What is done to a store from outside its clients: look at it, fill it, empty it, end accesses.
 *
 * @since 0.1.0
 */
import { Handshake, LogEvent, SyncError } from "@tidelog/sync-protocol"
import type { Message } from "@tidelog/sync-protocol"
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Client from "./Client.ts"
import * as Clients from "./Clients.ts"
import type {
  EventLogService,
  LogEntry,
  LogReplaced,
  PageSize,
  ReadError,
  StorageError
} from "./EventLog.ts"
import type { Head } from "./Head.ts"
import { isOf, revoked } from "./internal/revocation.ts"
import type { PushError, Pushes } from "./Pushes.ts"
import type { Tail } from "./Tail.ts"

/**
 * A store at a glance.
 *
 * - `backendId`: names this incarnation of its log. `head`: the `seqNum` of the last event.
 * - `events`: how many there are. `bytes`: the size of their texts.
 * - `sockets`: connections that are open. `subscriptions`: pulls that they have open.
 *
 * @since 0.1.0
 * @category schemas
 */
export const StoreInfo = Schema.Struct({
  backendId: SyncError.BackendId,
  head: Schema.NonNegativeInt,
  events: Schema.NonNegativeInt,
  bytes: Schema.NonNegativeInt,
  sockets: Schema.NonNegativeInt,
  subscriptions: Schema.NonNegativeInt
})

/**
 * @since 0.1.0
 * @category models
 */
export type StoreInfo = typeof StoreInfo.Type

/**
 * `reset`, `renew`, `remove` and `discard` replace the log: every connection is told and closed, and the
 * server must be started again.
 *
 * @since 0.1.0
 * @category models
 */
export interface StoreAdmin {
  /** Names the log that `read` reads. */
  readonly backendId: SyncError.BackendId

  /** Whether the log was made when it was opened. */
  readonly isNew: boolean

  /** Whether it has no event, as far as memory tells. */
  readonly isEmpty: () => boolean

  readonly info: Effect.Effect<StoreInfo, LogReplaced | StorageError>

  /** Where the log ends: as `info`, without a look at every event. */
  readonly head: Effect.Effect<LogEvent.SeqNum, LogReplaced | StorageError>

  /** The events after a position, each as the text of its `PulledEvent`. */
  readonly read: (
    after: LogEvent.SeqNum,
    size: PageSize
  ) => Effect.Effect<ReadonlyArray<LogEntry>, ReadError>

  /** Appends events of another log, and keeps their times. Clients see them as any others. */
  readonly restore: (
    events: NonEmptyReadonlyArray<Message.PulledEvent>
  ) => Effect.Effect<void, PushError>

  /** All events are gone, and the log has a new backendId. */
  readonly reset: Effect.Effect<SyncError.BackendId, StorageError>

  /** The log has a new backendId, and keeps its events. */
  readonly renew: Effect.Effect<SyncError.BackendId, StorageError>

  /** The store is gone. */
  readonly remove: Effect.Effect<void, StorageError>

  /** Likewise, if it has no event. Whether that was so. */
  readonly discard: Effect.Effect<boolean, LogReplaced | StorageError>

  /**
   * Closes the connections of an identity. `identity`: what the authorisation returned, or a part
   * of it. How many were closed.
   */
  readonly revoke: (identity: unknown) => Effect.Effect<number>
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: {
  readonly log: EventLogService
  readonly head: Head
  readonly tail: Tail
  readonly clients: Clients.Clients
  readonly pushes: Pushes
}): StoreAdmin => {
  const { clients, head, log, pushes, tail } = options

  /** Whoever finds that the log is no more ends all that is of it. */
  const orClose = <A, E>(effect: Effect.Effect<A, E | LogReplaced>) =>
    Effect.tapErrorTag(effect, "LogReplaced", () => clients.closeReplaced)

  const closeAll = (code: number, reason: string) => clients.closeWhere(() => true, code, reason)

  /** Every pull is told that its log is another one now. */
  const tellEveryone = (backendId: SyncError.BackendId) => {
    const error = new SyncError.BackendIdMismatchError({
      expected: backendId,
      received: log.backendId
    })
    clients.forEachPull((client, requestId) => {
      Client.sendExit(client, requestId, Exit.fail(error))
    })
  }

  /**
   * Replaces the log while no push is under way. What became of it after an error, nobody knows:
   * connections end in any case.
   */
  const replace = <A, E>(
    change: Effect.Effect<A, E>,
    onReplaced: (result: A) => Effect.Effect<unknown>
  ) =>
    change.pipe(
      Effect.tap(onReplaced),
      Effect.ensuring(closeAll(Handshake.CloseCode.serviceRestart, "please connect again")),
      Effect.uninterruptible,
      pushes.alone
    )

  const withNewId = (change: Effect.Effect<SyncError.BackendId, StorageError>) =>
    replace(change, (backendId) =>
      Effect.zipRight(
        Effect.sync(() => tellEveryone(backendId)),
        closeAll(Handshake.CloseCode.serviceRestart, Clients.REPLACED)
      )
    )

  return {
    backendId: log.backendId,
    isNew: log.isNew,
    isEmpty: () => tail.head() === LogEvent.ROOT,
    info: Effect.gen(function* () {
      const last = yield* orClose(head.read)
      const stats = yield* orClose(log.stats)
      return { backendId: log.backendId, head: last, ...stats, ...clients.count() }
    }),
    head: orClose(head.read),
    read: (after, size) => orClose(log.read(after, size)),
    restore: (events) =>
      Effect.zipRight(orClose(pushes.restore(events)), Effect.suspend(clients.pumpEveryone)),
    reset: withNewId(log.reset),
    renew: withNewId(log.renew),
    remove: replace(log.remove, () => closeAll(Handshake.CloseCode.gone, "the store was deleted")),
    discard: replace(
      Effect.flatMap(log.head, (head) =>
        head === LogEvent.ROOT ? Effect.as(log.remove, true) : Effect.succeed(false)
      ),
      () => Effect.void
    ),
    revoke: (identity) => clients.closeWhere(isOf(identity), revoked.code, revoked.reason)
  }
}
