/**
 * The SQL that looks through all stores of a database.
 *
 * @since 0.1.0
 */
import type { Handshake } from "@tidelog/sync-protocol"
import { REGISTRY_TABLE } from "./EventLogStatements.ts"
import type { Statement } from "./SqlEngine.ts"

/**
 * One row if there is a table. Asks for its columns, because a look through `sqlite_schema` would
 * pass by every store's.
 *
 * @since 0.1.0
 * @category statements
 */
export const tableExists = (table: string): Statement => ({
  sql: "SELECT 1 FROM pragma_table_info(?1) LIMIT 1",
  params: [table]
})

/**
 * The stores after one, in the order of their ids, up to a number.
 *
 * @since 0.1.0
 * @category statements
 */
export const list = (after: string, limit: number): Statement => ({
  sql: `SELECT storeId, backendId, createdAt FROM ${REGISTRY_TABLE}
    WHERE storeId > ?1 ORDER BY storeId LIMIT ?2`,
  params: [after, limit]
})

/**
 * The store of an id, if it is registered, with the columns of `list`.
 *
 * @since 0.1.0
 * @category statements
 */
export const find = (storeId: Handshake.StoreId): Statement => ({
  sql: `SELECT storeId, backendId, createdAt FROM ${REGISTRY_TABLE} WHERE storeId = ?1`,
  params: [storeId]
})

/**
 * One row if there is a registry.
 *
 * @since 0.1.0
 * @category statements
 */
export const registryExists: Statement = tableExists(REGISTRY_TABLE)

/**
 * Asks for nothing.
 *
 * @since 0.1.0
 * @category statements
 */
export const ping: Statement = { sql: "SELECT 1", params: [] }
