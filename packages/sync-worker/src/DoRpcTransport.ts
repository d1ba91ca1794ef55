/**
 * The place of the Durable Object RPC transport in a store's object. What stands there is in `do-rpc`, and only
 * in the bundle of a worker that imports it.
 *
 * @since 0.1.0
 */
import type { Handshake } from "@tidelog/sync-protocol"
import type * as Effect from "effect/Effect"
import type { LiveServer, ObjectState, StartFailed } from "./internal/liveServer.ts"
import type { SenderRates } from "./SenderRates.ts"

/**
 * What the object has for the transport.
 *
 * @since 0.1.0
 * @category models
 */
export interface DoRpcHost {
  readonly env: object
  readonly storage: Pick<ObjectState["storage"], "delete" | "list" | "put">
  /** The store that this object is for, by the name that its id was made of. */
  readonly storeId: () => string | undefined
  /** The server of the store, started if need be; a new one where the log was replaced. */
  readonly activate: (storeId: Handshake.StoreId) => Effect.Effect<LiveServer, StartFailed>
  readonly rates: SenderRates
}

/**
 * What the transport does for the object.
 *
 * @since 0.1.0
 * @category models
 */
export interface DoRpcServer {
  /** Answers a call. Never fails: what is wrong with it is the answer. */
  readonly call: (payload: Uint8Array) => Effect.Effect<Uint8Array | ReadableStream<Uint8Array>>

  /** Goes on with the subscriptions that outlived the object's memory. */
  readonly resume: (live: LiveServer) => Effect.Effect<void>

  /** Ends those whose identity is the one named, while their server is out of memory. How many. */
  readonly revoke: (identity: unknown) => Effect.Effect<number>
}

/**
 * The transport, as an object's option: made by `doRpc` of `@tidelog/sync-worker/do-rpc`.
 *
 * @since 0.1.0
 * @category models
 */
export interface DoRpcTransport {
  readonly open: (host: DoRpcHost) => DoRpcServer
}
