/**
 * How the client stands with its server, as one value. The states and how they follow each other:
 *
 * ```
 * Idle ──first use──▶ Connecting ──first frame──▶ Online
 *                      ▲   │  ▲                      │
 *          reconnect or│   │  └────lost: at once─────┤
 *             time is up   │ lost                    │ lost
 *                      │   ▼                         ▼
 *                     Waiting | Offline ◀────────────┘
 *
 * Connecting | Online ──closed with 4400..4499──▶ Refused ──reconnect──▶ Connecting
 * any ──scope closed──▶ Closed
 * ```
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * What the app's own rules refuse: the first event of a push, and why, in the app's words. It is tried again now
 * and then; what comes after it waits.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Rejection = Schema.Struct({
  seqNum: Schema.Int,
  name: Schema.String,
  reason: Schema.String
})

/**
 * @since 0.1.0
 * @category models
 */
export type Rejection = typeof Rejection.Type

/**
 * What went in one direction, since the client was made. `bytes`: of frames, as UTF-8. `events`: of pages that
 * were used, or of pushes; one that is sent again counts again.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Traffic = Schema.Struct({ events: Schema.Int, bytes: Schema.Int })

/**
 * What has gone wrong: when, in epoch ms, and what, for people.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Trouble = Schema.Struct({ at: Schema.Number, message: Schema.String })

/**
 * What a connection goes over: a WebSocket, HTTP requests, or calls of a Durable Object.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Transport = Schema.Literal("ws", "http", "do-rpc")

/**
 * @since 0.1.0
 * @category models
 */
export type Transport = typeof Transport.Type

/**
 * What is told in any state.
 *
 * - `unconfirmed`: events that the server has not confirmed: by their echo in a pull, or, while there is none, by
 *   its answer. All that LiveStore holds; of another caller, those that it pushes.
 * - `confirmed`: the position of the last event that is known to be in the server's log; 0 if none is.
 * - `received`, `sent`: what went in each direction.
 * - `roundTrip`: ms that the answer to the last ping took; absent before the first.
 * - `lastError`: how the last connection or request failed; absent if none has.
 * - `rejected`: what is not stored because a rule of the app's is against it, or because it is too large; absent if
 *   nothing is.
 * - `pullRejected`: why the server sends nothing at present, in its words; absent if it does.
 * - `transport`: what the last connection that answered went over: a WebSocket, or HTTP requests; absent before
 *   the first.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Progress = Schema.Struct({
  unconfirmed: Schema.Int,
  confirmed: Schema.Int,
  received: Traffic,
  sent: Traffic,
  roundTrip: Schema.optional(Schema.Number),
  lastError: Schema.optional(Trouble),
  rejected: Schema.optional(Rejection),
  pullRejected: Schema.optional(Schema.String),
  transport: Schema.optional(Transport)
})

/**
 * @since 0.1.0
 * @category models
 */
export type Progress = typeof Progress.Type

const since = {
  /** When the client came to this state, in epoch ms. */
  since: Schema.Number
}

/**
 * Made, and not needed yet.
 *
 * @since 0.1.0
 * @category states
 */
export const Idle = Schema.TaggedStruct("Idle", since)

/**
 * Opening a connection, or waiting for its first frame. `attempt`: from 1, since the last
 * connection that worked.
 *
 * @since 0.1.0
 * @category states
 */
export const Connecting = Schema.TaggedStruct("Connecting", { ...since, attempt: Schema.Int })

/**
 * Connected, and somebody answers.
 *
 * @since 0.1.0
 * @category states
 */
export const Online = Schema.TaggedStruct("Online", since)

/**
 * Not connected. Attempt `attempt` starts at `retryAt` (epoch ms); `reason` says, for people, how
 * the last connection ended.
 *
 * @since 0.1.0
 * @category states
 */
export const Waiting = Schema.TaggedStruct("Waiting", {
  ...since,
  attempt: Schema.Int,
  retryAt: Schema.Number,
  reason: Schema.String
})

/**
 * Not connected, and the device itself says that it has no network. It may be wrong, so there is an attempt now
 * and then; as soon as it says otherwise there is one at once.
 *
 * @since 0.1.0
 * @category states
 */
export const Offline = Schema.TaggedStruct("Offline", since)

/**
 * The server refuses this connection: `code` is 4400 to 4499, `reason` the server's. The client
 * stops until it is told to try again.
 *
 * @since 0.1.0
 * @category states
 */
export const Refused = Schema.TaggedStruct("Refused", {
  ...since,
  code: Schema.Int,
  reason: Schema.String
})

/**
 * Over: the client's scope is closed.
 *
 * @since 0.1.0
 * @category states
 */
export const Closed = Schema.TaggedStruct("Closed", since)

/**
 * One of the states above.
 *
 * @since 0.1.0
 * @category schemas
 */
export const State = Schema.Union(Idle, Connecting, Online, Waiting, Offline, Refused, Closed)

/**
 * @since 0.1.0
 * @category models
 */
export type State = typeof State.Type

/**
 * How the client stands with its server: its state, and what is told in any state. As JSON.
 *
 * @since 0.1.0
 * @category schemas
 */
export const SyncStatus = Schema.extend(State, Progress).annotations({ identifier: "SyncStatus" })

/**
 * @since 0.1.0
 * @category models
 */
export type SyncStatus = typeof SyncStatus.Type
