/**
 * How long the client waits for what. Every wait has an end, and a way to go on after it.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Record from "effect/Record"

/**
 * The client's waits. Each is a duration; a plain number is milliseconds.
 *
 * @since 0.1.0
 * @category models
 */
export interface Timings {
  /** For a connection to open. */
  readonly openWithin: Duration.DurationInput
  /** Silence before the client pings. */
  readonly pingAfter: Duration.DurationInput
  /** For the answer to that ping, before the connection is left for a new one. */
  readonly pongWithin: Duration.DurationInput
  /** For the answer to a ping out of turn, when the machine may have slept. */
  readonly probeWithin: Duration.DurationInput
  /** How late a timer may fire before the client suspects that the machine slept. */
  readonly lateAfter: Duration.DurationInput
  /** For the answer to a push, and for each page that a pull is owed, on an open connection. */
  readonly answerWithin: Duration.DurationInput
  /** For the echo of an acknowledged push in a live pull. */
  readonly echoWithin: Duration.DurationInput
  /** Life of a connection after which the waits between attempts begin anew. */
  readonly provenAfter: Duration.DurationInput
  /** The most that the second attempt in a row waits; each further one may wait twice as long. */
  readonly backoffFirst: Duration.DurationInput
  /** The most that any attempt waits. */
  readonly backoffMax: Duration.DurationInput
  /**
   * The most that a client waits whose server has closed the connection in good order, as it does when it is
   * deployed: all of its clients come back at a time of their own.
   */
  readonly returnWithin: Duration.DurationInput
  /** How long before a connection's authorisation ends it is renewed; of a shorter one, half its life. */
  readonly renewBefore: Duration.DurationInput
  /** From one try to the next of a push that the app's own rules refuse. */
  readonly rejectedAfter: Duration.DurationInput
  /** From the start of one attempt to the start of a next one that would come at once. */
  readonly spacing: Duration.DurationInput
}

/**
 * The waits of a client that is told nothing else.
 *
 * @since 0.1.0
 * @category constants
 */
export const defaults: Timings = {
  openWithin: "10 seconds",
  pingAfter: "10 seconds",
  pongWithin: "5 seconds",
  probeWithin: "2 seconds",
  lateAfter: "1 second",
  answerWithin: "30 seconds",
  echoWithin: "10 seconds",
  provenAfter: "10 seconds",
  backoffFirst: "250 millis",
  backoffMax: "30 seconds",
  returnWithin: "2 seconds",
  renewBefore: "30 seconds",
  rejectedAfter: "30 seconds",
  spacing: "1 second"
}

/**
 * The same, in ms, as the client works with them.
 *
 * @since 0.1.0
 * @category models
 */
export type Millis = { readonly [Name in keyof Timings]: number }

/**
 * The default timings with some of them changed.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toMillis = (changes: Partial<Timings> = {}): Millis =>
  Record.map({ ...defaults, ...changes }, Duration.toMillis)
