/**
 * The event log of one store: the contract that every storage keeps.
 *
 * @since 0.1.0
 */
import type { FrameText, LogEvent, SyncError } from "@tidelog/sync-protocol"
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/**
 * The storage did not do what it was asked, or did not say so. A failed append may have been
 * stored all the same: read back before drawing a conclusion.
 *
 * `cause` is the storage's own error, for the log of the server and never for a client.
 *
 * @since 0.1.0
 * @category errors
 */
export class StorageError extends Schema.TaggedError<StorageError>(
  "@tidelog/sync-worker/StorageError"
)("StorageError", { operation: Schema.String, cause: Schema.Defect }) {
  override get message() {
    return `the storage failed to ${this.operation}`
  }
}

/**
 * The batch does not continue the log: its first parent is not the head. Nothing was stored.
 *
 * @since 0.1.0
 * @category errors
 */
export class HeadMismatch extends Schema.TaggedError<HeadMismatch>(
  "@tidelog/sync-worker/HeadMismatch"
)("HeadMismatch", { expected: Schema.Number }) {}

/**
 * The log is not the incarnation that was opened any more: somebody else has reset, renewed or removed it,
 * or its database was restored from a backup without it. Open it again.
 *
 * @since 0.1.0
 * @category errors
 */
export class LogReplaced extends Schema.TaggedError<LogReplaced>(
  "@tidelog/sync-worker/LogReplaced"
)("LogReplaced", {}) {
  override get message() {
    return "the log was replaced"
  }
}

/**
 * Why something cannot be read of a log.
 *
 * @since 0.1.0
 * @category errors
 */
export type ReadError = LogReplaced | StorageError

/**
 * An event as the log gives it back: its position, and the text of its `PulledEvent`, ready to be
 * joined into a page.
 *
 * `bytes`: the length of `json` in UTF-8.
 *
 * @since 0.1.0
 * @category models
 */
export interface LogEntry {
  readonly seqNum: LogEvent.SeqNum
  readonly createdAt: string
  readonly json: string
  readonly bytes: number
}

/**
 * Events as the log gives them for a page.
 *
 * `upTo`: the position of the last, `undefined` if there is none. `text`: the texts of their
 * `PulledEvent`s, joined by commas. `bytes`: its length in UTF-8. `head`: where the log ended when it was
 * read.
 *
 * @since 0.1.0
 * @category models
 */
export interface LogPage {
  readonly upTo: LogEvent.SeqNum | undefined
  readonly text: string
  readonly events: number
  readonly bytes: number
  readonly head: LogEvent.SeqNum
}

/**
 * How much one read may give: a number of events and of bytes. The first event is given whatever
 * its size.
 *
 * @since 0.1.0
 * @category models
 */
export interface PageSize {
  readonly maxEvents: number
  readonly maxBytes: number
}

/**
 * `bytes`: the length in UTF-8 of all stored text (names, arguments, ids and times).
 *
 * @since 0.1.0
 * @category models
 */
export interface LogStats {
  readonly events: number
  readonly bytes: number
}

/**
 * One store's log, opened. Nothing of it is kept in memory but which log it is.
 *
 * @since 0.1.0
 * @category models
 */
export interface EventLogService {
  /** Names this incarnation of the log. Made with the log and kept in it. */
  readonly backendId: SyncError.BackendId

  /** Whether it was made when it was opened, so that nobody can have known it before. */
  readonly isNew: boolean

  /** The head when the log was opened, so that a server need not ask at once. */
  readonly initialHead: LogEvent.SeqNum

  /** When the head event was stored, as of the opening; `undefined` if there was none. */
  readonly initialCreatedAt: string | undefined

  /**
   * The `seqNum` of the last event, 0 if there is none, read from the storage. It is by this, and by what is
   * read, that a server learns that it serves a log which is no more.
   */
  readonly head: Effect.Effect<LogEvent.SeqNum, ReadError>

  /**
   * Stores a batch at the end of the log, whole or not at all, if its first parent is the head.
   *
   * `batch`: a chain. Fails with `HeadMismatch` if the log has another head, whoever moved it, or
   * if it is no longer the incarnation that was opened; with `StorageError` if the storage failed,
   * and then the batch may or may not be stored, or if the log was removed.
   */
  readonly append: (
    batch: NonEmptyReadonlyArray<FrameText.EventParts>
  ) => Effect.Effect<void, HeadMismatch | StorageError>

  /**
   * The events after a position, in the order of the log, as many as the page takes. Empty if there
   * are none.
   */
  readonly read: (
    after: LogEvent.SeqNum,
    size: PageSize
  ) => Effect.Effect<ReadonlyArray<LogEntry>, ReadError>

  /**
   * The same events as `read` gives, as one text: for a page that goes out as it is.
   */
  readonly readPage: (after: LogEvent.SeqNum, size: PageSize) => Effect.Effect<LogPage, ReadError>

  /**
   * When the event at exactly this position was stored: ISO 8601, `undefined` if there is no such
   * event. It tells whether a cursor still stands on the event that it was made from: in a database
   * that was restored, another may be at its position.
   */
  readonly createdAt: (seqNum: LogEvent.SeqNum) => Effect.Effect<string | undefined, ReadError>

  /** How much the log holds. It looks at every event, so it is nothing for a hot path. */
  readonly stats: Effect.Effect<LogStats, ReadError>

  /**
   * Deletes all events and gives the log a new `backendId`, which it returns: both or neither.
   *
   * After this, as after `renew` and `remove`, every instance that was opened before is stale, this
   * one included: it appends nothing any more, and gives no event and no head: they fail with
   * `LogReplaced`. What else it tells may be of the new incarnation.
   * Open the log again.
   */
  readonly reset: Effect.Effect<SyncError.BackendId, StorageError>

  /** Gives the log a new `backendId`, which it returns, and keeps the events. See `reset`. */
  readonly renew: Effect.Effect<SyncError.BackendId, StorageError>

  /**
   * Deletes everything that there is of the log. Opened again, it is a new one. Nothing happens if it
   * is gone already. See `reset`.
   */
  readonly remove: Effect.Effect<void, StorageError>
}

/**
 * The log of the store that `StoreId` names. Its layers: `EventLogD1.layer`,
 * `EventLogDurableObject.layer`, `EventLogMemory.layer`.
 *
 * @since 0.1.0
 * @category tags
 */
export class EventLog extends Context.Tag("@tidelog/sync-worker/EventLog")<
  EventLog,
  EventLogService
>() {}
