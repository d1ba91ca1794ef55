/**
 * Which store this part of the program serves.
 *
 * @since 0.1.0
 */
import type { Handshake } from "@tidelog/sync-protocol"
import * as Context from "effect/Context"

/**
 * The storeId of the one store that a server instance serves. Bound from outside (the Worker names
 * the object by it), never from what a frame says.
 *
 * @since 0.1.0
 * @category tags
 */
export class StoreId extends Context.Tag("@tidelog/sync-worker/StoreId")<
  StoreId,
  Handshake.StoreId
>() {}
