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
import type { Database } from "./SqlEngineD1.ts"
import type { StoreId } from "./StoreId.ts"

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
 * The event log in the D1 database that is bound to a name.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerEventLogD1 = (
  binding: string
): Layer.Layer<EventLog, StorageError | MissingBinding, StoreId | CloudflareEnv> =>
  Layer.unwrapEffect(
    Effect.flatMap(CloudflareEnv, (env) => {
      const value: unknown = Reflect.get(env, binding)
      return isDatabase(value)
        ? Effect.succeed(EventLogD1.layer(value))
        : new MissingBinding({ binding, kind: "D1" })
    })
  )
