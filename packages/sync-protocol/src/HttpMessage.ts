/**
 * What the HTTP transport says in another way than a WebSocket: one request a POST, and all frames of its
 * answer as one JSON array.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as Frame from "./Frame.ts"
import * as Message from "./Message.ts"

/**
 * The tag of a pull over HTTP.
 *
 * @since 0.1.0
 * @category constants
 */
export const PULL = "SyncHttpRpc.Pull"

/**
 * The tag of a push over HTTP.
 *
 * @since 0.1.0
 * @category constants
 */
export const PUSH = "SyncHttpRpc.Push"

/**
 * The tag of a request that asks only whether the backend is there.
 *
 * @since 0.1.0
 * @category constants
 */
export const PING = "SyncHttpRpc.Ping"

/**
 * Asks for all events after `cursor` that there are. There is no live pull over HTTP: a client asks again.
 *
 * @since 0.1.0
 * @category schemas
 */
export const PullRequest = Message.PullRequest.omit("live").annotations({
  identifier: "HttpPullRequest"
})

/**
 * @since 0.1.0
 * @category models
 */
export type PullRequest = typeof PullRequest.Type

/**
 * What a ping succeeds with.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Pong = Schema.TaggedStruct("SyncMessage.Pong", {})

/**
 * @since 0.1.0
 * @category models
 */
export type Pong = typeof Pong.Type

/**
 * The frames of an answer as its text: pages if it was a pull, and an `Exit`.
 *
 * @since 0.1.0
 * @category codecs
 */
export const AnswerFromText = Schema.parseJson(Schema.Array(Frame.ServerFrame))
