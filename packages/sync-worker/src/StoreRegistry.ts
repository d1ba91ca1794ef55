/**
 * All stores of a database, for those who look after it.
 *
 * @since 0.1.0
 */
import { Handshake, SyncError } from "@tidelog/sync-protocol"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { StorageError } from "./EventLog.ts"
import * as EventLogStatements from "./EventLogStatements.ts"
import { decodeRows } from "./internal/rows.ts"
import { SqlEngine } from "./SqlEngine.ts"

/**
 * A store that has been opened at least once, and not been removed since.
 *
 * `createdAt`: when it was first opened, ISO 8601.
 *
 * @since 0.1.0
 * @category models
 */
export interface RegisteredStore {
  readonly storeId: Handshake.StoreId
  readonly backendId: SyncError.BackendId
  readonly createdAt: string
}

/**
 * `next`: the `after` of the next page; absent if this is the last.
 *
 * @since 0.1.0
 * @category models
 */
export interface StorePage {
  readonly stores: ReadonlyArray<RegisteredStore>
  readonly next?: Handshake.StoreId
}

/**
 * @since 0.1.0
 * @category models
 */
export interface StoreRegistryService {
  /**
   * The stores after a storeId, or from the first, in the order of their ids (as UTF-8 compares),
   * up to `limit`, which is 1 or more. A database in which no store was ever opened has none; it
   * is not changed by the question.
   */
  readonly list: (options: {
    readonly after?: Handshake.StoreId | undefined
    readonly limit: number
  }) => Effect.Effect<StorePage, StorageError>

  /** Succeeds if the database answers. */
  readonly ping: Effect.Effect<void, StorageError>
}

/**
 * Its layers: `layer`, over a `SqlEngine`; `CloudflareEnv.layerStoreRegistryD1`.
 *
 * @since 0.1.0
 * @category tags
 */
export class StoreRegistry extends Context.Tag("@tidelog/sync-worker/StoreRegistry")<
  StoreRegistry,
  StoreRegistryService
>() {}

const StoreRows = Schema.Array(
  Schema.Struct({
    storeId: Handshake.StoreId,
    backendId: SyncError.BackendId,
    createdAt: Schema.String
  })
)

/**
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<StoreRegistryService, never, SqlEngine> = Effect.map(
  SqlEngine,
  (sql) => ({
    list: Effect.fn("StoreRegistry.list")(function* ({ after = "", limit }) {
      // One more than is wanted tells whether there are more.
      const rows = yield* sql
        .batch("list the stores", [EventLogStatements.list(after, limit + 1)])
        .pipe(
          Effect.flatMap(([result]) => decodeRows("list the stores", StoreRows, result)),
          Effect.catchAll((error) =>
            sql
              .batch("look for the registry", [EventLogStatements.registryExists])
              .pipe(
                Effect.flatMap(([result]) =>
                  result?.rows.length === 0 ? Effect.succeed([]) : error
                )
              )
          )
        )
      const stores = rows.slice(0, limit)
      const last = stores.at(-1)
      return rows.length > limit && last !== undefined ? { stores, next: last.storeId } : { stores }
    }),
    ping: Effect.asVoid(sql.batch("answer", [EventLogStatements.ping]))
  })
)

/**
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<StoreRegistry, never, SqlEngine> = Layer.effect(StoreRegistry, make)
