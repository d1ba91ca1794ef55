/**
 * What the Durable Object RPC transport says in another way: an object of the app's own calls the store's
 * object, and is called back with live events.
 *
 * A call is `rpc(bytes)`: MessagePack of an array of one `Request`. Its answer is the same of an array of frames:
 * bytes, or for a pull a stream of such arrays.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as Message from "./Message.ts"

/**
 * The tag of a pull by Durable Object RPC.
 *
 * @since 0.1.0
 * @category constants
 */
export const PULL = "SyncDoRpc.Pull"

/**
 * The tag of a push by Durable Object RPC.
 *
 * @since 0.1.0
 * @category constants
 */
export const PUSH = "SyncDoRpc.Push"

/**
 * The tag of a request that asks only whether the backend is there.
 *
 * @since 0.1.0
 * @category constants
 */
export const PING = "SyncDoRpc.Ping"

/**
 * The object that wants to be called back: `bindingName`, under which the store's object finds its namespace,
 * and its id there, as text.
 *
 * @since 0.1.0
 * @category schemas
 */
export const CallerContext = Schema.Struct({
  bindingName: Schema.String,
  durableObjectId: Schema.String
})

/**
 * @since 0.1.0
 * @category models
 */
export type CallerContext = typeof CallerContext.Type

/**
 * Asks for all events after `cursor`, and, with an `rpcContext`, for every later one by a call to `syncUpdateRpc`
 * of the object that it names.
 *
 * @since 0.1.0
 * @category schemas
 */
export const PullRequest = Schema.Struct({
  ...Message.PullRequest.omit("live").fields,
  rpcContext: Schema.optional(Schema.Struct({ callerContext: CallerContext }))
}).annotations({ identifier: "DoRpcPullRequest" })

/**
 * @since 0.1.0
 * @category models
 */
export type PullRequest = typeof PullRequest.Type

/**
 * One page of a pull. `rpcRequestId`: the name under which later pages are called back.
 *
 * @since 0.1.0
 * @category schemas
 */
export const PullResponse = Schema.Struct({
  ...Message.PullResponse.fields,
  rpcRequestId: Schema.String
}).annotations({ identifier: "DoRpcPullResponse" })

/**
 * @since 0.1.0
 * @category models
 */
export type PullResponse = typeof PullResponse.Type

/**
 * What `syncUpdateRpc` is called with: one page. `requestId`: the `rpcRequestId` of the pull that it is for.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Update = Schema.TaggedStruct("Chunk", {
  requestId: Schema.String,
  values: Schema.Tuple(Message.PullResponse)
})

/**
 * @since 0.1.0
 * @category models
 */
export type Update = typeof Update.Type
