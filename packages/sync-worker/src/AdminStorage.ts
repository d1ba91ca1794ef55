/**
 * What the Worker itself can see of the storage, beside its objects.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { StoreRegistry } from "./StoreRegistry.ts"
import type { StoreRegistryService } from "./StoreRegistry.ts"

/**
 * - `Registry`: a registry knows all stores: that of their database, or one over several.
 * - `PerObject`: each object keeps its store to itself.
 * - `NotConfigured`: the database has no binding, or what the app says of it cannot be built.
 *
 * @since 0.1.0
 * @category models
 */
export type AdminStorageService =
  | { readonly _tag: "Registry"; readonly registry: StoreRegistryService }
  | { readonly _tag: "PerObject" }
  | { readonly _tag: "NotConfigured" }

/**
 * Its layers: `layerRegistry`, `layerPerObject`; for what `storage` may say,
 * `CloudflareEnv.layerAdminStorage`.
 *
 * @since 0.1.0
 * @category tags
 */
export class AdminStorage extends Context.Tag("@tidelog/sync-worker/AdminStorage")<
  AdminStorage,
  AdminStorageService
>() {}

/**
 * A registry that knows all stores. Over several databases, it answers for all of them.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerRegistry: Layer.Layer<AdminStorage, never, StoreRegistry> = Layer.effect(
  AdminStorage,
  Effect.map(StoreRegistry, (registry) => ({ _tag: "Registry" as const, registry }))
)

/**
 * Nothing lists the stores, and only a store's object knows what it has.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerPerObject: Layer.Layer<AdminStorage> = Layer.succeed(AdminStorage, {
  _tag: "PerObject"
})

/**
 * No storage is known: health is degraded, and stores are not found.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerNotConfigured: Layer.Layer<AdminStorage> = Layer.succeed(AdminStorage, {
  _tag: "NotConfigured"
})
