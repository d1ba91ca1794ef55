/**
 * The operations on a store, as they travel from the Worker to the store's object.
 *
 * @since 0.1.0
 */
import { Handshake, LogEvent, Message, SyncError } from "@tidelog/sync-protocol"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import { InvalidEvents, NotAtHead, OperationError, StoreUnavailable } from "./AdminError.ts"
import type { LogReplaced, StorageError } from "./EventLog.ts"
import type { PushError } from "./Pushes.ts"
import { StoreInfo } from "./StoreAdmin.ts"
import type { StoreAdmin } from "./StoreAdmin.ts"

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

/**
 * Runs an operation on the server of its store.
 *
 * @since 0.1.0
 * @category operations
 */
export const run = (
  admin: StoreAdmin,
  operation: Operation
): Effect.Effect<Result, OperationError> => {
  switch (operation._tag) {
    case "Info":
      return available(admin.info)
    case "Head":
      return Effect.map(available(admin.head), (head) => ({ head }))
    case "Read":
      return Effect.map(available(admin.read(operation.after, operation)), (entries) => ({
        backendId: admin.backendId,
        text: entries.map(({ json }) => `${json}\n`).join(""),
        last: entries.at(-1)?.seqNum
      }))
    case "Restore":
      return Effect.mapError(admin.restore(operation.events), whyNotRestored)
    case "Reset":
      return Effect.map(available(admin.reset), (backendId) => ({ backendId }))
    case "Renew":
      return Effect.map(available(admin.renew), (backendId) => ({ backendId }))
    case "Reopen":
      // That the log is lost is what it is for.
      return admin.renew.pipe(
        Effect.map((backendId) => ({ backendId })),
        Effect.mapError(unavailable)
      )
    case "Delete":
      return available(admin.remove)
    case "Discard":
      return Effect.map(available(admin.discard), (discarded) => ({ discarded }))
    case "Revoke":
      return Effect.map(admin.revoke(operation.identity), (closed) => ({ closed }))
  }
}

/** The storage's own words stay in the server's log. */
const available = <A>(effect: Effect.Effect<A, LogReplaced | StorageError>) =>
  effect.pipe(
    // That the log was replaced has had its line.
    Effect.tapErrorTag("StorageError", (error) =>
      Effect.logError(error.message, Cause.fail(error))
    ),
    Effect.mapError(unavailable)
  )

const unavailable = ({ message }: LogReplaced | StorageError) => new StoreUnavailable({ message })

const whyNotRestored = (error: PushError): OperationError => {
  switch (error._tag) {
    case "ServerAheadError":
      return NotAtHead.at(error.minimumExpectedNum)
    case "BackendIdMismatchError":
    case "LogReplaced":
      return new StoreUnavailable({ message: "the store is another one now" })
    case "Refusal":
      return error.name === "StorageUnavailable"
        ? new StoreUnavailable({ message: error.message })
        : new InvalidEvents({ message: error.message })
  }
}

const Envelope = Schema.parseJson(
  Schema.Struct({ storeId: Handshake.StoreId, operation: Operation })
)

/**
 * An operation and its store, as the text that goes to the object.
 *
 * @since 0.1.0
 * @category codecs
 */
export const encode = Schema.encode(Envelope)

/**
 * The same, read by the object.
 *
 * @since 0.1.0
 * @category codecs
 */
export const decode = Schema.decode(Envelope)

/**
 * An operation together with the type of what it answers.
 *
 * @since 0.1.0
 * @category models
 */
export type OperationOf<Success, Encoded> = Operation
  & Schema.WithResult<Success, Encoded, OperationError, typeof OperationError.Encoded, never>

/**
 * Runs what has come as text, and answers as text. Whatever goes wrong is part of the answer, also
 * that the text makes no sense: it comes from a Worker of another version than the object's, which a
 * deploy replaces.
 *
 * @since 0.1.0
 * @category operations
 */
export const answer = (
  text: string,
  operate: (
    storeId: Handshake.StoreId,
    operation: Operation
  ) => Effect.Effect<Result, OperationError>
): Effect.Effect<string> =>
  decode(text).pipe(
    Effect.mapError(
      () => new StoreUnavailable({ message: "the store does not know this operation" })
    ),
    Effect.flatMap(({ operation, storeId }) =>
      Effect.flatMap(Effect.exit(operate(storeId, operation)), (exit) =>
        // Each operation's answer is written by its own Schema; their union has lost which is which.
        // That cannot fail: `Result` and `OperationError` are the types that these Schemas write.
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion
        Effect.orDie(Schema.serializeExit(operation as OperationOf<Result, unknown>, exit))
      )
    ),
    Effect.catchTag("StoreUnavailable", (error) =>
      // Nor can that: a text is all that it has.
      Exit.fail(error).pipe(encodeFailure, Effect.orDie)
    ),
    Effect.map((exit) => JSON.stringify(exit))
  )

/** What every operation fails with is written in the same way. */
const encodeFailure = Schema.encode(
  Schema.Exit({ success: Schema.Never, failure: OperationError, defect: Schema.Defect })
)

/**
 * Reads the answer to an operation. One that makes no sense comes from an object of another version
 * than the Worker's, which a deploy replaces.
 *
 * @since 0.1.0
 * @category codecs
 */
export const readAnswer = <Success, Encoded>(
  operation: OperationOf<Success, Encoded>,
  text: string
): Effect.Effect<Success, OperationError> =>
  Schema.decode(Schema.parseJson(Schema.exitSchema(operation)))(text).pipe(
    Effect.mapError(() => new StoreUnavailable({ message: "the store's answer makes no sense" })),
    Effect.flatten
  )
