/**
 * Why an operation on a store was not done. The admin routes answer with these, too.
 *
 * @since 0.1.0
 */
import { LogEvent } from "@tidelog/sync-protocol"
import * as Schema from "effect/Schema"

/**
 * The store cannot be reached, or its storage does not answer. An operation that changes it may
 * have taken effect all the same; every one of them may be repeated.
 *
 * @since 0.1.0
 * @category errors
 */
export class StoreUnavailable extends Schema.TaggedError<StoreUnavailable>(
  "@tidelog/sync-worker/StoreUnavailable"
)("StoreUnavailable", { message: Schema.String }, { identifier: "StoreUnavailable" }) {}

/**
 * There is no store of this id.
 *
 * @since 0.1.0
 * @category errors
 */
export class StoreNotFound extends Schema.TaggedError<StoreNotFound>(
  "@tidelog/sync-worker/StoreNotFound"
)(
  "StoreNotFound",
  {
    message: Schema.String.pipe(
      Schema.propertySignature,
      Schema.withConstructorDefault(() => "there is no store of this id")
    )
  },
  { identifier: "StoreNotFound" }
) {}

/**
 * The events do not continue the store's log. `head`: where it ends.
 *
 * @since 0.1.0
 * @category errors
 */
export class NotAtHead extends Schema.TaggedError<NotAtHead>("@tidelog/sync-worker/NotAtHead")(
  "NotAtHead",
  { head: LogEvent.SeqNum, message: Schema.String },
  { identifier: "NotAtHead" }
) {
  /** @since 0.1.0 */
  static readonly at = (head: LogEvent.SeqNum): NotAtHead =>
    new NotAtHead({
      head,
      message: `the store's log ends at ${head}; the events do not continue it`
    })
}

/**
 * What was sent is no chain of events that can be stored.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidEvents extends Schema.TaggedError<InvalidEvents>(
  "@tidelog/sync-worker/InvalidEvents"
)("InvalidEvents", { message: Schema.String }) {}

/**
 * Why an operation was not done.
 *
 * @since 0.1.0
 * @category errors
 */
export const OperationError = Schema.Union(
  StoreUnavailable,
  StoreNotFound,
  NotAtHead,
  InvalidEvents
)

/**
 * @since 0.1.0
 * @category errors
 */
export type OperationError = typeof OperationError.Type
