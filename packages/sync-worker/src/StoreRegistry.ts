/**
 * All stores of a database, for those who look after it.
 *
 * @since 0.1.0
 */
import { Handshake, SyncError } from "@tidelog/sync-protocol"
import * as Arr from "effect/Array"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { StorageError } from "./EventLog.ts"
import { decodeRows } from "./internal/rows.ts"
import { isNoTable } from "./internal/sqlErrors.ts"
import * as RegistryStatements from "./RegistryStatements.ts"
import { SqlEngine } from "./SqlEngine.ts"
import type { Statement } from "./SqlEngine.ts"
import { tableName } from "./StoreTable.ts"

/**
 * A store that has been opened at least once, and not been removed since.
 *
 * `createdAt`: when it was first opened, ISO 8601.
 *
 * @since 0.1.0
 * @category schemas
 */
export const RegisteredStore = Schema.Struct({
  storeId: Handshake.StoreId,
  backendId: SyncError.BackendId,
  createdAt: Schema.String
})

/**
 * @since 0.1.0
 * @category models
 */
export type RegisteredStore = typeof RegisteredStore.Type

/**
 * `next`: the `after` of the next page; absent if this is the last.
 *
 * @since 0.1.0
 * @category schemas
 */
export const StorePage = Schema.Struct({
  stores: Schema.Array(RegisteredStore),
  next: Schema.optionalWith(Handshake.StoreId, { exact: true })
})

/**
 * @since 0.1.0
 * @category models
 */
export type StorePage = typeof StorePage.Type

/**
 * The stores of a database. None of its members makes one.
 *
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

  /** The store of this id, if it is one of these. To ask makes nothing. */
  readonly get: (
    storeId: Handshake.StoreId
  ) => Effect.Effect<Option.Option<RegisteredStore>, StorageError>

  /** Whether there is a log of this id, also one that the registry has lost. To ask makes nothing. */
  readonly hasLog: (storeId: Handshake.StoreId) => Effect.Effect<boolean, StorageError>

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

const StoreRows = Schema.Array(RegisteredStore)

/**
 * Reads the registry that opening a log keeps.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<StoreRegistryService, never, SqlEngine> = Effect.map(
  SqlEngine,
  (sql) => {
    const once = (operation: string, statement: Statement) =>
      Effect.flatMap(sql.batch(operation, [statement]), ([result]) =>
        decodeRows(operation, StoreRows, result)
      )

    /** No registry is an empty one. */
    const select = (operation: string, statement: Statement) =>
      once(operation, statement).pipe(
        Effect.catchAll((error) =>
          sql.batch("look for the registry", [RegistryStatements.registryExists]).pipe(
            Effect.flatMap(([result]) =>
              result?.rows.length === 0
                ? Effect.succeed([])
                : // It may have been made just then.
                  isNoTable(error)
                  ? once(operation, statement)
                  : error
            )
          )
        )
      )

    return {
      list: Effect.fn("StoreRegistry.list")(function* ({ after = "", limit }) {
        // One more than is wanted tells whether there are more.
        const rows = yield* select("list the stores", RegistryStatements.list(after, limit + 1))
        const stores = rows.slice(0, limit)
        const last = stores.at(-1)
        return rows.length > limit && last !== undefined
          ? { stores, next: last.storeId }
          : { stores }
      }),
      get: Effect.fn("StoreRegistry.get")(function* (storeId) {
        return Arr.head(yield* select("find the store", RegistryStatements.find(storeId)))
      }),
      hasLog: Effect.fn("StoreRegistry.hasLog")(function* (storeId) {
        const table = yield* tableName(storeId)
        const [result] = yield* sql.batch("find the log", [RegistryStatements.tableExists(table)])
        return result !== undefined && result.rows.length > 0
      }),
      ping: Effect.asVoid(sql.batch("answer", [RegistryStatements.ping]))
    }
  }
)

/**
 * The stores of whatever database `SqlEngine` reaches.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<StoreRegistry, never, SqlEngine> = Layer.effect(StoreRegistry, make)
