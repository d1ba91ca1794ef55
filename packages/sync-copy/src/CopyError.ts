/**
 * Why a copy ends before it is verified: one error per thing that whoever copies can do about it. The messages
 * are for people, and hold no payload.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * Where something happened: in the store that is copied, or in the one that it is copied to.
 *
 * @since 0.1.0
 * @category schemas
 */
export const SideName = Schema.Literal("source", "destination")

/**
 * @since 0.1.0
 * @category models
 */
export type SideName = typeof SideName.Type

/**
 * The URL is no server's, the store id is none, or the payload is no JSON. Mend what was given.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidSide extends Schema.TaggedError<InvalidSide>("@tidelog/sync-copy/InvalidSide")(
  "InvalidSide",
  { side: SideName, reason: Schema.String }
) {
  override get message() {
    return `the ${this.side} cannot be: ${this.reason}`
  }
}

/**
 * Nobody answers as a sync server does. Look at the URL, and whether the server runs.
 *
 * @since 0.1.0
 * @category errors
 */
export class CannotConnect extends Schema.TaggedError<CannotConnect>(
  "@tidelog/sync-copy/CannotConnect"
)("CannotConnect", { side: SideName, address: Schema.String, reason: Schema.String }) {
  override get message() {
    return `the ${this.side} (${this.address}) cannot be connected to: ${this.reason}`
  }
}

/**
 * The server refuses the connection, with a code of 4400 to 4499. Mend the payload or the store id.
 *
 * @since 0.1.0
 * @category errors
 */
export class Refused extends Schema.TaggedError<Refused>("@tidelog/sync-copy/Refused")("Refused", {
  side: SideName,
  code: Schema.Int,
  reason: Schema.String
}) {
  override get message() {
    return `the ${this.side} refuses the connection: ${this.code} ${this.reason}`
  }
}

/**
 * A server that has answered before does not any more. Copy again when it does: the copy goes on from there.
 *
 * @since 0.1.0
 * @category errors
 */
export class Stalled extends Schema.TaggedError<Stalled>("@tidelog/sync-copy/Stalled")("Stalled", {
  side: SideName,
  seconds: Schema.Number,
  reason: Schema.String
}) {
  override get message() {
    return `nothing came from the ${this.side} for ${this.seconds} s: ${this.reason}`
  }
}

/**
 * The server refuses a request, and would refuse it again.
 *
 * @since 0.1.0
 * @category errors
 */
export class RequestRefused extends Schema.TaggedError<RequestRefused>(
  "@tidelog/sync-copy/RequestRefused"
)("RequestRefused", { side: SideName, reason: Schema.String }) {
  override get message() {
    return `the ${this.side} does not do what it is asked: ${this.reason}`
  }
}

/**
 * The log became another one, or lost its last events, while it was copied: it was reset or restored.
 *
 * @since 0.1.0
 * @category errors
 */
export class LogReplaced extends Schema.TaggedError<LogReplaced>("@tidelog/sync-copy/LogReplaced")(
  "LogReplaced",
  { side: SideName }
) {
  override get message() {
    return `the log of the ${this.side} was reset or restored meanwhile`
  }
}

/**
 * There is nothing to copy. A store that was never used looks like one whose id is mistyped.
 *
 * @since 0.1.0
 * @category errors
 */
export class SourceEmpty extends Schema.TaggedError<SourceEmpty>("@tidelog/sync-copy/SourceEmpty")(
  "SourceEmpty",
  { storeId: Schema.String }
) {
  override get message() {
    return `the source has no event in the store ${JSON.stringify(this.storeId)}`
  }
}

/**
 * The destination holds events that the source does not, or others. Nothing is written to it: take another
 * store, or empty this one.
 *
 * `seqNum`: the position of the first difference. `difference`: what it is, in words.
 *
 * @since 0.1.0
 * @category errors
 */
export class DestinationDiffers extends Schema.TaggedError<DestinationDiffers>(
  "@tidelog/sync-copy/DestinationDiffers"
)("DestinationDiffers", { seqNum: Schema.Int, difference: Schema.String }) {
  override get message() {
    return `the destination has other events than the source; the first difference is at ${this.seqNum}: ${this.difference}`
  }
}

/**
 * The destination cannot keep an event as it is, or its app's rules refuse it. All events before it are there.
 *
 * @since 0.1.0
 * @category errors
 */
export class EventNotAccepted extends Schema.TaggedError<EventNotAccepted>(
  "@tidelog/sync-copy/EventNotAccepted"
)("EventNotAccepted", { seqNum: Schema.Int, name: Schema.String, reason: Schema.String }) {
  override get message() {
    return `the destination does not take event ${this.seqNum} (${this.name}): ${this.reason}`
  }
}

/**
 * Told to stop before all was verified. Copy again to go on.
 *
 * @since 0.1.0
 * @category errors
 */
export class Stopped extends Schema.TaggedError<Stopped>("@tidelog/sync-copy/Stopped")("Stopped", {
  copied: Schema.Int
}) {
  override get message() {
    return `stopped after ${this.copied} events were copied`
  }
}

/**
 * Every way in which a copy ends unverified.
 *
 * @since 0.1.0
 * @category errors
 */
export const CopyError = Schema.Union(
  InvalidSide,
  CannotConnect,
  Refused,
  Stalled,
  RequestRefused,
  LogReplaced,
  SourceEmpty,
  DestinationDiffers,
  EventNotAccepted,
  Stopped
)

/**
 * @since 0.1.0
 * @category models
 */
export type CopyError = typeof CopyError.Type
