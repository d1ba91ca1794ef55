/**
 * The bindings of a Worker, as services.
 *
 * @since 0.1.0
 */
import type { DurableObjectNamespace, Rpc } from "@cloudflare/workers-types"
import type { Handshake } from "@tidelog/sync-protocol"
import * as Cause from "effect/Cause"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as AdminError from "./AdminError.ts"
import * as AdminStorage from "./AdminStorage.ts"
import type { EventLog, StorageError } from "./EventLog.ts"
import * as EventLogD1 from "./EventLogD1.ts"
import * as EventLogDurableObject from "./EventLogDurableObject.ts"
import * as OfficialPast from "./OfficialPast.ts"
import * as OperationText from "./OperationText.ts"
import * as SqlEngineD1 from "./SqlEngineD1.ts"
import type { Database } from "./SqlEngineD1.ts"
import { StoreId } from "./StoreId.ts"
import { StoreObjects } from "./StoreObjects.ts"
import * as StoreRegistry from "./StoreRegistry.ts"
import { Takeover } from "./Takeover.ts"
import type { Adoption, OpenError } from "./Takeover.ts"

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

/**
 * The texts, numbers and booleans that are bound, secrets among them, for `Config`: provide it to a Layer that
 * reads `Config.redacted("SYNC_TOKEN")`, which then fails where there is none.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfigProvider: Layer.Layer<never, never, CloudflareEnv> = Layer.unwrapEffect(
  Effect.map(CloudflareEnv, (env) =>
    Layer.setConfigProvider(
      ConfigProvider.fromMap(
        new Map(
          Object.entries(env).flatMap(([name, value]: readonly [string, unknown]) =>
            ["string", "number", "boolean"].includes(typeof value) ? [[name, String(value)]] : []
          )
        )
      )
    )
  )
)

const isDatabase = (value: unknown): value is Database =>
  Predicate.hasProperty(value, "prepare") && Predicate.hasProperty(value, "batch")

/** What a store's object answers beside requests. */
type StoreRpc = Rpc.DurableObjectBranded & { admin(operation: string): Promise<string> }

const isNamespace = (value: unknown): value is DurableObjectNamespace<StoreRpc> =>
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
): Effect.Effect<DurableObjectNamespace<StoreRpc>, MissingBinding> => {
  const value: unknown = Reflect.get(env, binding)
  return isNamespace(value)
    ? Effect.succeed(value)
    : new MissingBinding({ binding, kind: "Durable Object" })
}

/**
 * The objects of the stores, in a Worker's options.
 *
 * @since 0.1.0
 * @category models
 */
export interface BindingOptions {
  /**
   * The objects of the stores: the `name` of their binding (`WEBSOCKET_SERVER` if not told), where an
   * object that does not exist yet should live (`locationHint`), and where it must (`jurisdiction`).
   * An object of a jurisdiction is another one than that of the same store without.
   */
  readonly durableObject?: {
    readonly name?: string
    readonly locationHint?: DurableObjectLocationHint
    readonly jurisdiction?: DurableObjectJurisdiction
  }
  /** The name of the binding, by the name that the official package has for it. */
  readonly syncBackendBinding?: string
}

/**
 * The object of each store.
 *
 * @since 0.1.0
 * @category bindings
 */
export const storeObjects = (
  env: object,
  { durableObject = {}, syncBackendBinding }: BindingOptions
) =>
  Effect.map(
    durableObjects(env, syncBackendBinding ?? durableObject.name ?? "WEBSOCKET_SERVER"),
    (all) => (storeId: Handshake.StoreId) => {
      const { jurisdiction, locationHint } = durableObject
      const objects = jurisdiction === undefined ? all : all.jurisdiction(jurisdiction)
      return objects.get(
        objects.idFromName(storeId),
        locationHint === undefined ? {} : { locationHint }
      )
    }
  )

/**
 * The storage of the Durable Object that this program runs in.
 *
 * @since 0.1.0
 * @category tags
 */
export class ObjectStorage extends Context.Tag("@tidelog/sync-worker/CloudflareEnv/ObjectStorage")<
  ObjectStorage,
  OfficialPast.Storage
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
 * What each store takes over from the official backend: `proven` if not told. See `Takeover.Adoption`.
 *
 * @since 0.1.0
 * @category models
 */
export type AdoptOfficial = (storeId: Handshake.StoreId) => Adoption

/**
 * What the official backend has left in the object, for the log that is opened over it. `isShared`: whether
 * the database is that of many stores.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerTakeover = (options: {
  readonly isShared: boolean
  readonly adoptOfficial?: AdoptOfficial | undefined
}): Layer.Layer<Takeover, StorageError, StoreId | ObjectStorage> =>
  Layer.effect(
    Takeover,
    Effect.gen(function* () {
      const storeId = yield* StoreId
      const past = yield* OfficialPast.read(yield* ObjectStorage, storeId)
      const { adoptOfficial, isShared } = options
      return { past, isShared, adoption: adoptOfficial?.(storeId) ?? "proven" }
    })
  )

/**
 * The event log in the D1 database that is bound to a name.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerEventLogD1 = (
  binding: string,
  adoptOfficial?: AdoptOfficial
): Layer.Layer<EventLog, OpenError | MissingBinding, StoreId | CloudflareEnv | ObjectStorage> =>
  Layer.unwrapEffect(Effect.map(database(binding), EventLogD1.layer)).pipe(
    Layer.provide(layerTakeover({ isShared: true, adoptOfficial }))
  )

/**
 * The event log in the object's own SQLite.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerEventLogDurableObjectWith = (
  adoptOfficial?: AdoptOfficial
): Layer.Layer<EventLog, OpenError, StoreId | ObjectStorage> =>
  Layer.unwrapEffect(Effect.map(ObjectStorage, EventLogDurableObject.layer)).pipe(
    Layer.provide(layerTakeover({ isShared: false, adoptOfficial }))
  )

/**
 * The same, with nothing to say about a log of the official backend.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerEventLogDurableObject: Layer.Layer<EventLog, OpenError, StoreId | ObjectStorage> =
  layerEventLogDurableObjectWith()

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

/** An object has this long to answer, its start included: that may take 25 s. */
const ANSWER_DEADLINE = Duration.seconds(30)

/**
 * The objects of all stores, reached through their binding.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerStoreObjects = (
  options: BindingOptions = {}
): Layer.Layer<StoreObjects, never, CloudflareEnv> =>
  Layer.effect(
    StoreObjects,
    Effect.map(CloudflareEnv, (env) => ({
      send: Effect.fnUntraced(function* (storeId, operation) {
        const text = OperationText.encode({ storeId, operation })
        const answer = yield* storeObjects(env, options).pipe(
          Effect.flatMap((objectOf) => Effect.tryPromise(() => objectOf(storeId).admin(text))),
          Effect.timeout(ANSWER_DEADLINE),
          Effect.tapError((error) =>
            Effect.logError("the object did not answer", Cause.fail(error)).pipe(
              Effect.annotateLogs({ storeId })
            )
          ),
          Effect.mapError(
            () =>
              new AdminError.StoreUnavailable({
                message: "the store cannot be reached just now"
              })
          )
        )
        return yield* OperationText.readAnswer(operation, answer)
      })
    }))
  )

/**
 * Where the events of stores are kept: a D1 database, by the name of its binding (`DB` if not told),
 * or each object's own SQLite, which nothing but the object can read.
 *
 * `adoptOfficial`: what is asked of a table of the official backend before it becomes the log of a store.
 *
 * @since 0.1.0
 * @category models
 */
export type StorageOption =
  | {
      readonly _tag: "d1"
      readonly binding?: string
      readonly adoptOfficial?: AdoptOfficial
    }
  | { readonly _tag: "do-sqlite"; readonly adoptOfficial?: AdoptOfficial }

/**
 * What can be seen of the storage without an object.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerAdminStorage = (
  storage: StorageOption = { _tag: "d1" }
): Layer.Layer<AdminStorage.AdminStorage, never, CloudflareEnv> =>
  storage._tag === "do-sqlite"
    ? AdminStorage.layerPerObject
    : AdminStorage.layerRegistry.pipe(
        Layer.provide(layerStoreRegistryD1(storage.binding ?? "DB")),
        Layer.catchAll((error) =>
          Layer.merge(
            Layer.effectDiscard(Effect.logError(error.message)),
            AdminStorage.layerNotConfigured
          )
        )
      )
