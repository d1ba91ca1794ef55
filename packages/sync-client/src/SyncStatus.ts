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

const since = {
  /** When the client came to this state, in epoch ms. */
  since: Schema.Number,
  /** In any state: what is not stored, because a rule of the app's is against it. */
  rejected: Schema.optional(Rejection)
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
 * As `Waiting`, and the device itself says that it has no network. It may be wrong, so the attempts
 * go on.
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
 * How the client stands with its server: one of the states above, as JSON.
 *
 * @since 0.1.0
 * @category schemas
 */
export const SyncStatus = Schema.Union(
  Idle,
  Connecting,
  Online,
  Waiting,
  Offline,
  Refused,
  Closed
).annotations({ identifier: "SyncStatus" })

/**
 * @since 0.1.0
 * @category models
 */
export type SyncStatus = typeof SyncStatus.Type
