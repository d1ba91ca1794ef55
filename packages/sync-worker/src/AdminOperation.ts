/**
 * The operations on a store, as they travel from the Worker to the store's object.
 *
 * @since 0.1.0
 */
import { LogEvent, Message, SyncError } from "@tidelog/sync-protocol"
import * as Schema from "effect/Schema"
import { OperationError } from "./AdminError.ts"
import { StoreInfo } from "./StoreAdmin.ts"

/**
 * Some of a store's events, as the texts of their `PulledEvent`s, each on a line of its own.
 * `last`: the position of the last one; absent if there are none. `backendId`: which log they are of.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Lines = Schema.Struct({
  backendId: SyncError.BackendId,
  text: Schema.String,
  last: Schema.optional(LogEvent.SeqNum)
})

/**
 * The log as it is named now.
 *
 * @since 0.1.0
 * @category schemas
 */
export const NewBackend = Schema.Struct({ backendId: SyncError.BackendId })

/**
 * How many connections were closed.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Closed = Schema.Struct({ closed: Schema.NonNegativeInt })

const failure = OperationError

/**
 * A store at a glance. It looks at every event.
 *
 * @since 0.1.0
 * @category operations
 */
export class Info extends Schema.TaggedRequest<Info>("@tidelog/sync-worker/Info")("Info", {
  failure,
  success: StoreInfo,
  payload: {}
}) {}

/**
 * Where the log ends, without a look at all of it.
 *
 * @since 0.1.0
 * @category operations
 */
export class Head extends Schema.TaggedRequest<Head>("@tidelog/sync-worker/Head")("Head", {
  failure,
  success: Schema.Struct({ head: LogEvent.SeqNum }),
  payload: {}
}) {}

/**
 * The events after a position, up to a number and to a size in bytes, and at least one if there is
 * one.
 *
 * @since 0.1.0
 * @category operations
 */
export class Read extends Schema.TaggedRequest<Read>("@tidelog/sync-worker/Read")("Read", {
  failure,
  success: Lines,
  payload: { after: LogEvent.SeqNum, maxEvents: Schema.Positive, maxBytes: Schema.Positive }
}) {}

/**
 * Appends events with the times that they have. The same events may be sent again.
 *
 * @since 0.1.0
 * @category operations
 */
export class Restore extends Schema.TaggedRequest<Restore>("@tidelog/sync-worker/Restore")(
  "Restore",
  {
    failure,
    success: Schema.Void,
    payload: { events: Schema.NonEmptyArray(Message.PulledEvent) }
  }
) {}

/**
 * Deletes all events, and names the log anew.
 *
 * @since 0.1.0
 * @category operations
 */
export class Reset extends Schema.TaggedRequest<Reset>("@tidelog/sync-worker/Reset")("Reset", {
  failure,
  success: NewBackend,
  payload: {}
}) {}

/**
 * Names the log anew, and keeps its events.
 *
 * @since 0.1.0
 * @category operations
 */
export class Renew extends Schema.TaggedRequest<Renew>("@tidelog/sync-worker/Renew")("Renew", {
  failure,
  success: NewBackend,
  payload: {}
}) {}

/**
 * As `Renew`, of a store that is no longer registered: its log was lost, and makes a new one. Only
 * where somebody has the store open; no `backendId` if nobody has.
 *
 * @since 0.1.0
 * @category operations
 */
export class Reopen extends Schema.TaggedRequest<Reopen>("@tidelog/sync-worker/Reopen")("Reopen", {
  failure,
  success: Schema.partial(NewBackend),
  payload: {}
}) {}

/**
 * Deletes the store.
 *
 * @since 0.1.0
 * @category operations
 */
export class Delete extends Schema.TaggedRequest<Delete>("@tidelog/sync-worker/Delete")("Delete", {
  failure,
  success: Schema.Void,
  payload: {}
}) {}

/**
 * Deletes a store that was made in vain: nobody but operations like these has had it open, and there
 * is no event in it.
 *
 * @since 0.1.0
 * @category operations
 */
export class Discard extends Schema.TaggedRequest<Discard>("@tidelog/sync-worker/Discard")(
  "Discard",
  { failure, success: Schema.Struct({ discarded: Schema.Boolean }), payload: {} }
) {}

/**
 * Closes the connections whose identity is this, or contains it.
 *
 * @since 0.1.0
 * @category operations
 */
export class Revoke extends Schema.TaggedRequest<Revoke>("@tidelog/sync-worker/Revoke")("Revoke", {
  failure,
  success: Closed,
  payload: { identity: Schema.Unknown }
}) {}

/**
 * One of the operations.
 *
 * @since 0.1.0
 * @category operations
 */
export const Operation = Schema.Union(
  Info,
  Head,
  Read,
  Restore,
  Reset,
  Renew,
  Reopen,
  Delete,
  Discard,
  Revoke
)

/**
 * @since 0.1.0
 * @category operations
 */
export type Operation = typeof Operation.Type

/**
 * What an operation answers.
 *
 * @since 0.1.0
 * @category operations
 */
export type Result = Schema.WithResult.Success<Operation>

/**
 * An operation together with the type of what it answers.
 *
 * @since 0.1.0
 * @category models
 */
export type OperationOf<Success, Encoded> = Operation
  & Schema.WithResult<Success, Encoded, OperationError, typeof OperationError.Encoded, never>

/**
 * Whether the log is another one after an operation, so that its server must be started again.
 *
 * @since 0.1.0
 * @category predicates
 */
export const replacesLog = ({ _tag }: Operation): boolean => REPLACING.has(_tag)

const REPLACING: ReadonlySet<Operation["_tag"]> = new Set([
  "Reset",
  "Renew",
  "Reopen",
  "Delete",
  "Discard"
])

/**
 * Whether an operation is for a store that there is: to ask about one makes none.
 *
 * @since 0.1.0
 * @category predicates
 */
export const needsStore = ({ _tag }: Operation): boolean => NEEDING.has(_tag)

const NEEDING: ReadonlySet<Operation["_tag"]> = new Set([
  "Info",
  "Read",
  "Reset",
  "Renew",
  "Delete"
])
