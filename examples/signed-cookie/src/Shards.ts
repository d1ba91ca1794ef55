/** Several databases for the logs: a D1 database has its own limits, and its own worker. */
import { AdminStorage, CloudflareEnv, StoreId, StoreRegistry } from "@tidelog/sync-worker"
import { Effect, Layer } from "effect"
import * as Registry from "./Registry.ts"
import { SHARDS, shardOf } from "./shardOf.ts"

/** The log of a store, in its database. */
export const layer = Layer.unwrapEffect(
  Effect.map(StoreId.StoreId, (storeId) => CloudflareEnv.layerEventLogD1(shardOf(storeId)))
)

/** The stores of one database. */
const registryOf = (shard: string) =>
  Effect.map(
    Effect.provide(StoreRegistry.StoreRegistry, CloudflareEnv.layerStoreRegistryD1(shard)),
    (registry) => [shard, registry] as const
  )

/** What the Worker's health and admin routes see: the stores of all databases as one list. */
export const layerAdminStorage = AdminStorage.layerRegistry.pipe(
  Layer.provide(
    Layer.effect(
      StoreRegistry.StoreRegistry,
      Effect.map(Effect.forEach(SHARDS, registryOf), (shards) =>
        Registry.overShards(new Map(shards), shardOf)
      )
    )
  )
)
