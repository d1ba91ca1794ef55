/**
 * One client: a connection, its open pulls, and what is left of its rates.
 *
 * @since 0.1.0
 */
import { FrameText } from "@tidelog/sync-protocol"
import type { Dialect, Frame, LogEvent } from "@tidelog/sync-protocol"
import type { Connection, SubscriptionState } from "./Connection.ts"
import * as Turns from "./internal/turns.ts"
import type * as RateLimit from "./RateLimit.ts"

/**
 * A pull that is open.
 *
 * `admitted`: whether it was checked and may be served. Until then it only holds its request id.
 *
 * @since 0.1.0
 * @category models
 */
export interface Subscription {
  readonly requestId: Frame.RequestId
  readonly live: boolean
  /** Whether its reader may owe acknowledgements of live events. */
  readonly sparing: boolean
  cursor: LogEvent.SeqNum
  inFlight: number
  started: boolean
  admitted: boolean
  /** Whether a page is being read for it. Until that is sent, nothing else may be. */
  reading: boolean
  /** Whether it catches up in turns. Whoever sees to that goes on until it has caught up. */
  takesTurns: boolean
  readonly turns: Turns.Turns
}

/**
 * A connection with its open pulls.
 *
 * - `open`: ends when either side closes. From then on nothing is taken from it or sent to it.
 * - `pullBy`: when it has to have a pull, in milliseconds since the epoch; absent while it has one.
 * - `frames`, `events`: what is left of its rates.
 *
 * @since 0.1.0
 * @category models
 */
export interface Client {
  readonly connection: Connection
  readonly dialect: Dialect.Dialect
  readonly subscriptions: Map<Frame.RequestId, Subscription>
  open: boolean
  pullBy: number | undefined
  readonly frames: RateLimit.Level
  readonly events: RateLimit.Level
}

/**
 * A pull as it is asked for.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeSubscription = (
  state: Pick<SubscriptionState, "requestId" | "live" | "sparing" | "cursor">
): Subscription => ({
  requestId: state.requestId,
  live: state.live,
  sparing: state.sparing,
  cursor: state.cursor,
  inFlight: 0,
  started: false,
  admitted: false,
  reading: false,
  takesTurns: false,
  turns: Turns.make(1)
})

/**
 * A pull that outlived the server's memory. Only what was admitted is ever kept, though its first
 * page may not have been sent yet.
 *
 * @since 0.1.0
 * @category constructors
 */
export const resumeSubscription = (state: SubscriptionState): Subscription => ({
  ...makeSubscription(state),
  inFlight: state.inFlight,
  started: state.started,
  admitted: true
})

/**
 * Ends a request.
 *
 * @since 0.1.0
 * @category operations
 */
export const sendExit = (
  client: Client,
  requestId: Frame.RequestId,
  exit: Dialect.RequestExit
): void => {
  if (client.open) client.connection.send(FrameText.exit(requestId, client.dialect.encode(exit)))
}

/**
 * Ends a push whose events are stored.
 *
 * @since 0.1.0
 * @category operations
 */
export const sendAccepted = (
  { connection, dialect, open }: Client,
  requestId: Frame.RequestId
): void => {
  if (open) connection.send(FrameText.exit(requestId, dialect.accepted))
}
