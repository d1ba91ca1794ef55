/**
 * A client's connection, as the server sees it: who it is, and what can be done with its socket.
 *
 * @since 0.1.0
 */
import { Frame, Handshake, Json, LogEvent, SyncError } from "@tidelog/sync-protocol"
import * as Schema from "effect/Schema"

/**
 * Who is at the other end. Bound when the socket opens (SPEC: HAND-6).
 *
 * - `connectionId`: names the connection in the server's log.
 * - `payload`: what the app sent along, as it was authorised.
 * - `identity`: what the authorisation returned.
 * - `expiresAt`: when the authorisation ends, in milliseconds since the epoch.
 * - `headers`: those of the request that the server was told to keep, names in lower case.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Session = Schema.Struct({
  connectionId: Schema.String,
  storeId: Handshake.StoreId,
  payload: Schema.optional(Json.FromParsed),
  identity: Schema.optional(Schema.Unknown),
  expiresAt: Schema.optional(Schema.Number),
  headers: Schema.Record({ key: Schema.String, value: Schema.String })
})

/**
 * @since 0.1.0
 * @category models
 */
export type Session = typeof Session.Type

/**
 * What must be remembered of a pull to go on with it after the object was out of memory.
 *
 * - `cursor`: the last event that was sent.
 * - `inFlight`: chunks sent and not yet acknowledged.
 * - `started`: whether a first page was sent.
 * - `sparing`: whether its reader may owe acknowledgements of live events.
 *
 * @since 0.1.0
 * @category schemas
 */
export const SubscriptionState = Schema.Struct({
  requestId: Frame.RequestId,
  live: Schema.Boolean,
  cursor: LogEvent.SeqNum,
  inFlight: Schema.NonNegativeInt,
  started: Schema.Boolean,
  sparing: Schema.Boolean
})

/**
 * @since 0.1.0
 * @category models
 */
export type SubscriptionState = typeof SubscriptionState.Type

/**
 * What is left of a rate: tokens, and when they were counted, in milliseconds since the epoch.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Bucket = Schema.Struct({ tokens: Schema.Number, at: Schema.Number })

/**
 * @since 0.1.0
 * @category models
 */
export type Bucket = typeof Bucket.Type

/**
 * What a connection remembers while the object is out of memory.
 *
 * - `backendId`: the log that its cursors are of; absent in what older versions have kept.
 * - `pullBy`: when it has to have a pull, in milliseconds since the epoch; absent while it has one.
 * - `frames`, `events`: what is left of its rates; absent if nothing was taken.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ConnectionState = Schema.Struct({
  backendId: Schema.optional(SyncError.BackendId),
  subscriptions: Schema.Array(SubscriptionState),
  pullBy: Schema.optional(Schema.Number),
  frames: Schema.optional(Bucket),
  events: Schema.optional(Bucket)
})

/**
 * @since 0.1.0
 * @category models
 */
export type ConnectionState = typeof ConnectionState.Type

/**
 * An open socket. None of its members throws: a socket that is gone swallows what it is given, and
 * the server hears of its end in time.
 *
 * @since 0.1.0
 * @category models
 */
export interface Connection {
  readonly session: Session

  /**
   * Whether it is there for one request, as over HTTP: nothing of it outlives the object's memory, and nothing
   * has to wake the object for it.
   */
  readonly isBrief?: boolean

  /** Sends one text frame. */
  readonly send: (frame: string) => void

  /** Closes the socket. `reason`: for people, cut to what a close frame holds. */
  readonly close: (code: number, reason: string) => void

  /** Keeps its state where it outlives the object's memory. */
  readonly save: (state: ConnectionState) => void
}
