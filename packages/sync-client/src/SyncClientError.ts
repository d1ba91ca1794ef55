/**
 * What a request of the client can end with, beside the protocol's own errors: one error per thing
 * that the caller can do about it.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * The connection was lost while a pull was between two pages. Pull again from the last event: the
 * new pull waits for the next connection.
 *
 * @since 0.1.0
 * @category errors
 */
export class ConnectionLost extends Schema.TaggedError<ConnectionLost>(
  "@tidelog/sync-client/ConnectionLost"
)("ConnectionLost", {}) {
  override get message() {
    return "the connection was lost"
  }
}

/**
 * The server refuses this client, so nothing is sent. Tell the client to `reconnect` once the reason
 * is gone.
 *
 * @since 0.1.0
 * @category errors
 */
export class ConnectionRefused extends Schema.TaggedError<ConnectionRefused>(
  "@tidelog/sync-client/ConnectionRefused"
)("ConnectionRefused", { code: Schema.Int, reason: Schema.String }) {
  override get message() {
    return `the server refused the connection: ${this.code} ${this.reason}`
  }
}

/**
 * One event is larger than a server stores, or than it could give again. It is not sent: make its arguments smaller.
 *
 * @since 0.1.0
 * @category errors
 */
export class EventTooLarge extends Schema.TaggedError<EventTooLarge>(
  "@tidelog/sync-client/EventTooLarge"
)("EventTooLarge", {
  name: Schema.String,
  seqNum: Schema.Int,
  bytes: Schema.Int,
  maxBytes: Schema.Int
}) {
  override get message() {
    return `event ${this.seqNum} (${this.name}) has ${this.bytes} bytes as JSON, the most is ${this.maxBytes}`
  }
}

/**
 * The server failed on this request, or answered what the client does not understand, and would do
 * so again. What exactly went wrong is in the server's log.
 *
 * @since 0.1.0
 * @category errors
 */
export class RequestFailed extends Schema.TaggedError<RequestFailed>(
  "@tidelog/sync-client/RequestFailed"
)("RequestFailed", { message: Schema.String }) {}

/**
 * Nobody answered a ping.
 *
 * @since 0.1.0
 * @category errors
 */
export class PingTimeout extends Schema.TaggedError<PingTimeout>(
  "@tidelog/sync-client/PingTimeout"
)("PingTimeout", {}) {
  override get message() {
    return "nobody answered the ping"
  }
}

/**
 * The options cannot make a client. Thrown at the app's developer, before anything is connected.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidOptions extends Schema.TaggedError<InvalidOptions>(
  "@tidelog/sync-client/InvalidOptions"
)("InvalidOptions", { message: Schema.String }) {}
