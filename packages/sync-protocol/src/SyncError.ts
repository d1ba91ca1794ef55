/**
 * The errors that a request can end with on the wire. They are LiveStore's own, by name and by
 * shape: its clients decode nothing else.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { SeqNum } from "./SeqNum.ts"

/**
 * Names one incarnation of a store's log. It changes when the log is reset or replaced, so that a
 * client which still holds events of the former one notices. `[A-Za-z0-9_-]`, 1 to 64 characters:
 * LiveStore writes it into SQL.
 *
 * @since 0.1.0
 * @category schemas
 */
export const BackendId = Schema.String.pipe(Schema.pattern(/^[A-Za-z0-9_-]{1,64}$/))

/**
 * @since 0.1.0
 * @category models
 */
export type BackendId = typeof BackendId.Type

/**
 * The batch does not start at the head of the log: somebody else's events come first. The pusher
 * takes them from its pull, rebases and pushes again.
 *
 * `minimumExpectedNum` is the head of the log, `providedNum` the batch's first parent.
 *
 * @since 0.1.0
 * @category errors
 */
export class ServerAheadError extends Schema.TaggedError<ServerAheadError>(
  "@tidelog/sync-protocol/ServerAheadError"
)("ServerAheadError", { minimumExpectedNum: SeqNum, providedNum: SeqNum }) {
  override get message() {
    return `the log is at ${this.minimumExpectedNum}, the push starts at ${this.providedNum}`
  }
}

/**
 * The client's events belong to another log than the one it talks to.
 *
 * `expected` is the log's own id, `received` the one that the client sent.
 *
 * @since 0.1.0
 * @category errors
 */
export class BackendIdMismatchError extends Schema.TaggedError<BackendIdMismatchError>(
  "@tidelog/sync-protocol/BackendIdMismatchError"
)("BackendIdMismatchError", { expected: Schema.String, received: Schema.String }) {
  override get message() {
    return `the log is ${this.expected}, the request was meant for ${this.received}`
  }
}

/**
 * LiveStore's error for everything that has no name of its own on its wire. Ours carry a
 * `Refusal` as their `cause`, whose `name` says which one.
 *
 * @since 0.1.0
 * @category errors
 */
export class UnknownError extends Schema.TaggedError<UnknownError>(
  "@tidelog/sync-protocol/UnknownError"
)("UnknownError", {
  cause: Schema.Defect,
  note: Schema.optional(Schema.String),
  payload: Schema.optional(Schema.Unknown)
}) {}

/**
 * Every error of a pull or a push.
 *
 * @since 0.1.0
 * @category errors
 */
export const SyncError = Schema.Union(ServerAheadError, BackendIdMismatchError, UnknownError)

/**
 * @since 0.1.0
 * @category errors
 */
export type SyncError = typeof SyncError.Type
