/**
 * The client for a store that lives in a Durable Object: `@tidelog/sync-client/do-rpc`.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as DoRpcSocket from "./DoRpcSocket.ts"
import * as DoRpcUpdates from "./DoRpcUpdates.ts"
import { type CfSyncOptions, makeCfSync } from "./LiveStore.ts"

export {
  /**
   * @since 0.1.0
   * @category namespaces
   */
  DoRpcSocket
}

/**
 * What `makeDoRpcSync` is told: what `makeCfSync` is, but for where the backend is, and how it is reached.
 *
 * @since 0.1.0
 * @category models
 */
export interface DoRpcSyncOptions
  extends Omit<CfSyncOptions, "url" | "webSocket" | "transport" | "http">, DoRpcSocket.Options {}

/** Nobody goes there: it carries the store and the payload. */
const NOWHERE = "ws://durable-object.invalid"

/**
 * A sync backend for a LiveStore store in a Durable Object, which calls the backend's object instead of connecting to
 * it: nothing is open between two calls. It reconnects, resumes and repeats as `makeCfSync` does.
 *
 * @example
 * ```ts
 * makeAdapter({
 *   storage: this.ctx.storage,
 *   clientId,
 *   sessionId,
 *   syncOptions: {
 *     backend: makeDoRpcSync({
 *       syncBackendStub: () => env.SYNC_BACKEND_DO.getByName(storeId),
 *       durableObject: { ctx: this.ctx, bindingName: "STORE_DO" }
 *     }),
 *     livePull: true
 *   }
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeDoRpcSync = ({
  checkInterval,
  durableObject,
  syncBackendStub,
  timings,
  ...options
}: DoRpcSyncOptions): ReturnType<typeof makeCfSync> =>
  makeCfSync({
    ...options,
    url: NOWHERE,
    webSocket: DoRpcSocket.layer({ checkInterval, durableObject, syncBackendStub }),
    // A call fails by itself, and a ping would wake both sides.
    timings: { pingAfter: Duration.infinity, ...timings }
  })

/**
 * Hands a store what its object's `syncUpdateRpc` was called with. `ctx`: the object's own. Whether it waits for that:
 * `false` after the object was out of memory, or when the store has shut down. Give that back to the backend, which
 * then calls no more until the store pulls again; or start the store first.
 *
 * @example
 * ```ts
 * async syncUpdateRpc(update: unknown) {
 *   return handleSyncUpdateRpc(update, this.ctx)
 * }
 * ```
 *
 * @since 0.1.0
 * @category operations
 */
export const handleSyncUpdateRpc = (update: unknown, ctx: object): Promise<boolean> =>
  Promise.resolve(DoRpcUpdates.hand(ctx, update))
