/**
 * One client: a connection, its open pulls, what is left of its rates, and how its requests end.
 *
 * @since 0.1.0
 */
import { FrameText, LogEvent, Refusal } from "@tidelog/sync-protocol"
import type { Dialect, Frame, SyncError } from "@tidelog/sync-protocol"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Connection, SubscriptionState } from "./Connection.ts"
import { annotateOwner } from "./internal/owner.ts"
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
  /** Bytes of each chunk in flight, the oldest first. Of those that were sent before a sleep nothing is known. */
  readonly sizes: Array<number>
  bytesInFlight: number
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
  sizes: [],
  bytesInFlight: 0,
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

/**
 * Names the connection in the log: what ends it may have been done for another one, or for none.
 *
 * @since 0.1.0
 * @category operations
 */
export const asOf = (client: Client) => annotateOwner(client.connection.session)

/**
 * Fails a request of a client, and says so in the log (SPEC: REFUSE-4).
 *
 * @since 0.1.0
 * @category operations
 */
export const refuse = (
  client: Client,
  requestId: Frame.RequestId,
  refusal: Refusal.Refusal
): Effect.Effect<void> =>
  Effect.suspend(() => {
    // Nobody is there to be refused.
    if (!client.open) return Effect.void
    sendExit(client, requestId, Exit.fail(Refusal.toUnknownError(refusal)))
    return Effect.logWarning("request refused").pipe(
      Effect.annotateLogs({ requestId, refusal: refusal.name, reason: refusal.message }),
      asOf(client)
    )
  })

/**
 * Fails a request of a client that is for another log than this, and says so in the log (SPEC: REFUSE-4).
 *
 * @since 0.1.0
 * @category operations
 */
export const refuseOtherLog = (
  client: Client,
  requestId: Frame.RequestId,
  error: SyncError.BackendIdMismatchError
): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (!client.open) return Effect.void
    sendExit(client, requestId, Exit.fail(error))
    return logOtherLog(client, requestId, error)
  })

/**
 * Says in the log that a request was for another log than this.
 *
 * @since 0.1.0
 * @category operations
 */
export const logOtherLog = (
  client: Client,
  requestId: Frame.RequestId,
  { _tag: refusal, expected, received }: SyncError.BackendIdMismatchError
): Effect.Effect<void> =>
  Effect.logWarning("request refused").pipe(
    Effect.annotateLogs({ requestId, refusal, expected, received }),
    asOf(client)
  )

/**
 * What a request claims about its connection, if it claims anything that is not so (SPEC: HAND-6).
 *
 * @since 0.1.0
 * @category operations
 */
export const findFalseClaim = (
  client: Client,
  claims: { readonly storeId: string; readonly payload?: unknown }
): Refusal.Refusal | undefined => {
  const { payload, storeId } = client.connection.session
  if (claims.storeId !== storeId) {
    return new Refusal.Refusal({
      name: "StoreMismatch",
      message: "this connection was opened for another store"
    })
  }
  return claims.payload === undefined || LogEvent.isSameJson(claims.payload, payload)
    ? undefined
    : new Refusal.Refusal({
        name: "StoreMismatch",
        message: "this connection was opened with another payload"
      })
}
