/**
 * The objects of all stores, as the Worker reaches them to look after a store.
 *
 * @since 0.1.0
 */
import type { Handshake } from "@tidelog/sync-protocol"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as AdminError from "./AdminError.ts"
import type * as AdminOperation from "./AdminOperation.ts"

/**
 * How a store's object is asked.
 *
 * @since 0.1.0
 * @category models
 */
export interface StoreObjectsService {
  /**
   * Has an operation done by a store's object, which is woken for it. If there is no store of this id,
   * `Head` and `Restore` make one, `Revoke`, `Reopen` and `Discard` have nothing to do, and all others
   * fail with `StoreNotFound`.
   */
  readonly send: <Success, Encoded>(
    storeId: Handshake.StoreId,
    operation: AdminOperation.OperationOf<Success, Encoded>
  ) => Effect.Effect<Success, AdminError.OperationError>
}

/**
 * Its layer: `CloudflareEnv.layerStoreObjects`.
 *
 * @since 0.1.0
 * @category tags
 */
export class StoreObjects extends Context.Tag("@tidelog/sync-worker/StoreObjects")<
  StoreObjects,
  StoreObjectsService
>() {}
