/**
 * The bindings of a Worker, as services.
 *
 * @since 0.1.0
 */
import type { DurableObjectNamespace } from "@cloudflare/workers-types"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type { EventLog, StorageError } from "./EventLog.ts"
import * as EventLogD1 from "./EventLogD1.ts"
import * as EventLogDurableObject from "./EventLogDurableObject.ts"
import * as SqlEngineD1 from "./SqlEngineD1.ts"
import type { Database } from "./SqlEngineD1.ts"
import type { Storage } from "./SqlEngineDurableObject.ts"
import type { StoreId } from "./StoreId.ts"
import * as StoreRegistry from "./StoreRegistry.ts"

/**
 * The Worker's configuration does not have a binding, or has another kind of thing under its name.
 *
 * @since 0.1.0
 * @category errors
 */
export class MissingBinding extends Schema.TaggedError<MissingBinding>(
  "@tidelog/sync-worker/MissingBinding"
)("MissingBinding", { binding: Schema.String, kind: Schema.String }) {
  override get message() {
    return `the Worker's configuration has no ${this.kind} binding named ${this.binding}`
  }
}

/**
 * The `env` that the platform hands to a Worker and to its objects.
 *
 * @since 0.1.0
 * @category tags
 */
export class CloudflareEnv extends Context.Tag("@tidelog/sync-worker/CloudflareEnv")<
  CloudflareEnv,
  object
>() {}

const isDatabase = (value: unknown): value is Database =>
  Predicate.hasProperty(value, "prepare") && Predicate.hasProperty(value, "batch")

const isNamespace = (value: unknown): value is DurableObjectNamespace =>
  Predicate.hasProperty(value, "idFromName") && Predicate.hasProperty(value, "get")

/**
 * The Durable Object namespace that is bound to a name.
 *
 * @since 0.1.0
 * @category bindings
 */
export const durableObjects = (
  env: object,
  binding: string
): Effect.Effect<DurableObjectNamespace, MissingBinding> => {
  const value: unknown = Reflect.get(env, binding)
  return isNamespace(value)
    ? Effect.succeed(value)
    : new MissingBinding({ binding, kind: "Durable Object" })
}

/**
 * The storage of the Durable Object that this program runs in.
 *
 * @since 0.1.0
 * @category tags
 */
export class ObjectStorage extends Context.Tag("@tidelog/sync-worker/CloudflareEnv/ObjectStorage")<
  ObjectStorage,
  Storage
>() {}

/**
 * The D1 database that is bound to a name.
 *
 * @since 0.1.0
 * @category bindings
 */
export const database = (binding: string): Effect.Effect<Database, MissingBinding, CloudflareEnv> =>
  Effect.flatMap(CloudflareEnv, (env) => {
    const value: unknown = Reflect.get(env, binding)
    return isDatabase(value) ? Effect.succeed(value) : new MissingBinding({ binding, kind: "D1" })
  })

/**
 * The event log in the D1 database that is bound to a name.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerEventLogD1 = (
  binding: string
): Layer.Layer<EventLog, StorageError | MissingBinding, StoreId | CloudflareEnv> =>
  Layer.unwrapEffect(Effect.map(database(binding), EventLogD1.layer))

/**
 * The event log in the object's own SQLite.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerEventLogDurableObject: Layer.Layer<
  EventLog,
  StorageError,
  StoreId | ObjectStorage
> = Layer.unwrapEffect(Effect.map(ObjectStorage, EventLogDurableObject.layer))

/**
 * The stores in the D1 database that is bound to a name.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerStoreRegistryD1 = (
  binding: string
): Layer.Layer<StoreRegistry.StoreRegistry, MissingBinding, CloudflareEnv> =>
  Layer.unwrapEffect(
    Effect.map(database(binding), (bound) =>
      StoreRegistry.layer.pipe(Layer.provide(SqlEngineD1.layer(bound)))
    )
  )
