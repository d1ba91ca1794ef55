/**
 * Why a server refuses a request: one name per thing that the sender can do about it.
 *
 * LiveStore's wire knows `UnknownError` only, so a refusal travels as its `cause`, as
 * `{ name, message }`. LiveStore reads the message; this project's client reads the name as well.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { UnknownError } from "./SyncError.ts"

/**
 * - `Unauthorized`: who sends it is not let in, or not any more (only where there is no connection to close). Come
 *   with another payload.
 * - `Forbidden`: who sends it may not use this store (as above).
 * - `InvalidRequest`: it does not have the shape of a pull or a push. Mend the sender.
 * - `UnknownRequest`: this server has no such request. Talk to a newer one, or do without.
 * - `DuplicateRequestId`: the socket already has a live request with this id.
 * - `StoreMismatch`: it names another store, or another payload, than its socket was opened for.
 * - `InvalidBatch`: the events do not form a chain. Mend the sender.
 * - `BatchTooLarge`: too many events at once. Split the batch.
 * - `RateLimited`: too many events in too little time. Push again later.
 * - `EventTooLarge`: one event is larger than the log stores. It will never be accepted.
 * - `TooManySubscriptions`: the socket has all the live pulls it may have.
 * - `PushRejected`: the app's own `onPush` rule said no.
 * - `PullRejected`: the app's own `onPull` rule said no.
 * - `StorageUnavailable`: the log could not be written just now. Push again later.
 *
 * @since 0.1.0
 * @category models
 */
export const RefusalName = Schema.Literal(
  "Unauthorized",
  "Forbidden",
  "InvalidRequest",
  "UnknownRequest",
  "DuplicateRequestId",
  "StoreMismatch",
  "InvalidBatch",
  "BatchTooLarge",
  "EventTooLarge",
  "RateLimited",
  "TooManySubscriptions",
  "PushRejected",
  "PullRejected",
  "StorageUnavailable"
)

/**
 * @since 0.1.0
 * @category models
 */
export type RefusalName = typeof RefusalName.Type

/**
 * A refused request. `message` is for people: it never holds what only the server may know.
 *
 * @since 0.1.0
 * @category errors
 */
export class Refusal extends Schema.TaggedError<Refusal>("@tidelog/sync-protocol/Refusal")(
  "Refusal",
  { name: RefusalName, message: Schema.String }
) {}

const WireCause = Schema.Struct({ name: RefusalName, message: Schema.String })

const isWireCause = Schema.is(WireCause)

/**
 * The refusal as LiveStore's wire carries it.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toUnknownError = (refusal: Refusal): UnknownError => {
  const cause = new Error(refusal.message)
  cause.name = refusal.name
  return new UnknownError({ cause })
}

/**
 * The refusal inside an `UnknownError`, if a server of this project sent it.
 *
 * @since 0.1.0
 * @category conversions
 */
export const fromUnknownError = (error: UnknownError): Refusal | undefined =>
  isWireCause(error.cause)
    ? new Refusal({ name: error.cause.name, message: error.cause.message })
    : undefined
