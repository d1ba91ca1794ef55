/** Several databases for the logs: a D1 database has its own limits, and its own worker. */
import { CloudflareEnv, StoreId } from "@tidelog/sync-worker"
import { Effect, Layer } from "effect"
import { shardOf } from "./shardOf.ts"

export const layer = Layer.unwrapEffect(
  Effect.map(StoreId.StoreId, (storeId) => CloudflareEnv.layerEventLogD1(shardOf(storeId)))
)
