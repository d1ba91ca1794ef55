/**
 * What the Worker itself can see of the storage, beside its objects.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type { StoreRegistryService } from "./StoreRegistry.ts"

/**
 * - `Registry`: all stores are in one database, whose registry knows them.
 * - `PerObject`: each object keeps its store to itself.
 * - `NotConfigured`: the database has no binding.
 *
 * @since 0.1.0
 * @category models
 */
export type AdminStorageService =
  | { readonly _tag: "Registry"; readonly registry: StoreRegistryService }
  | { readonly _tag: "PerObject" }
  | { readonly _tag: "NotConfigured" }

/**
 * Its layer: `CloudflareEnv.layerAdminStorage`.
 *
 * @since 0.1.0
 * @category tags
 */
export class AdminStorage extends Context.Tag("@tidelog/sync-worker/AdminStorage")<
  AdminStorage,
  AdminStorageService
>() {}
