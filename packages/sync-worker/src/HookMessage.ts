/**
 * What hooks are given, in types that take LiveStore's own annotations: a hook that an app wrote for the official
 * backend compiles as it is.
 *
 * @since 0.1.0
 */
import type { LogEvent, Message } from "@tidelog/sync-protocol"
import type * as Brand from "effect/Brand"
import type * as Option from "effect/Option"

/**
 * A position in the log, with the brand of LiveStore's `EventSequenceNumber.Global`. At run time it is the number.
 *
 * @since 0.1.0
 * @category models
 */
export type Position = LogEvent.SeqNum & Brand.Brand<"GlobalEventSequenceNumber">

/**
 * An event, as hooks are told of it. `args`: `undefined` if it has none.
 *
 * @since 0.1.0
 * @category models
 */
export interface Event extends Omit<LogEvent.LogEvent, "args" | "parentSeqNum" | "seqNum"> {
  readonly args: unknown
  readonly parentSeqNum: Position
  readonly seqNum: Position
}

/**
 * A `Message.PushRequest`, as `onPush` is told of it.
 *
 * @since 0.1.0
 * @category models
 */
export interface PushRequest extends Omit<Message.PushRequest, "batch"> {
  readonly batch: ReadonlyArray<Event>
}

/**
 * A `Message.PullRequest`, as `onPull` is told of it.
 *
 * @since 0.1.0
 * @category models
 */
export interface PullRequest extends Omit<Message.PullRequest, "cursor"> {
  readonly cursor: Option.Option<Message.Cursor & { readonly eventSequenceNumber: Position }>
}

/**
 * A `Message.PullResponse`, as `onPullRes` is told of it.
 *
 * @since 0.1.0
 * @category models
 */
export interface PullResponse extends Omit<Message.PullResponse, "batch"> {
  readonly batch: ReadonlyArray<Message.PulledEvent & { readonly eventEncoded: Event }>
}
