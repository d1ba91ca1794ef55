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
  readonly json: string
  readonly bytes: number
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
 * @since 0.1.0
 * @category models
 */
export interface EventLogService {
  /** Names this incarnation of the log. Made with the log and kept in it. */
  readonly backendId: SyncError.BackendId

  /** The head when the log was opened, so that a server need not ask at once. */
  readonly initialHead: LogEvent.SeqNum

  /** The `seqNum` of the last event, 0 if there is none, read from the storage. */
  readonly head: Effect.Effect<LogEvent.SeqNum, StorageError>

  /**
   * Stores a batch at the end of the log, whole or not at all, if its first parent is the head.
   *
   * `batch`: a chain. Fails with `HeadMismatch` if the log has another head, whoever moved it;
   * with `StorageError` if the storage failed, and then the batch may or may not be stored.
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
  ) => Effect.Effect<ReadonlyArray<LogEntry>, StorageError>
}

/**
 * The log of the store that `StoreId` names. Its layers: `EventLogD1.layer`, `EventLogMemory.layer`.
 *
 * @since 0.1.0
 * @category tags
 */
export class EventLog extends Context.Tag("@tidelog/sync-worker/EventLog")<
  EventLog,
  EventLogService
>() {}
