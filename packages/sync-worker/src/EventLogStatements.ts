/**
 * The SQL of a store's log as a whole: what it is made of, where it ends, how it is replaced. Table
 * names come from `StoreTable`, which leaves nothing to quote.
 *
 * @since 0.1.0
 */
import type { Handshake, LogEvent, SyncError } from "@tidelog/sync-protocol"
import type { NonEmptyReadonlyArray } from "effect/Array"
import type { Statement } from "./SqlEngine.ts"

/**
 * The registry of all stores in a database: which table is whose, and which incarnation it is.
 *
 * @since 0.1.0
 * @category constants
 */
export const REGISTRY_TABLE = "tidelog_stores"

/** 128 random bits. */
const NEW_BACKEND_ID = "lower(hex(randomblob(16)))"

/**
 * The columns of a store's table. The database keeps the text of every table, and reads all of them
 * when it starts: without a needless space, that takes half as long where there are thousands.
 */
const TABLE =
  "seqNum INTEGER PRIMARY KEY,parentSeqNum INTEGER NOT NULL,name TEXT NOT NULL,args TEXT,"
  + "createdAt TEXT NOT NULL,clientId TEXT NOT NULL,sessionId TEXT NOT NULL"

/**
 * The columns of an event, in the order in which it is written and read.
 *
 * @since 0.1.0
 * @category constants
 */
export const COLUMNS = "seqNum, parentSeqNum, name, args, createdAt, clientId, sessionId"

/**
 * What the registry has of a log, beside its `backendId`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Registration {
  readonly storeId: Handshake.StoreId
  readonly table: string
  readonly createdAt: string
}

/**
 * Opens a store's log, and makes it if it is new. The last result is one row: its `backendId`,
 * its `head`, and the `createdAt` of the event there (NULL if there is none). The one before it has a
 * change if the log was not registered.
 *
 * @since 0.1.0
 * @category statements
 */
export const open = (store: Registration): NonEmptyReadonlyArray<Statement> => [
  {
    // Without rowids: a new store writes two rows here, where it would write three.
    sql: `CREATE TABLE IF NOT EXISTS ${REGISTRY_TABLE} (
      storeId TEXT PRIMARY KEY NOT NULL,
      tableName TEXT NOT NULL UNIQUE,
      backendId TEXT NOT NULL,
      createdAt TEXT NOT NULL
    ) STRICT, WITHOUT ROWID`,
    params: []
  },
  { sql: `CREATE TABLE IF NOT EXISTS ${store.table}(${TABLE})STRICT`, params: [] },
  {
    sql: `INSERT INTO ${REGISTRY_TABLE} (storeId, tableName, backendId, createdAt)
      VALUES (?1, ?2, ${NEW_BACKEND_ID}, ?3) ON CONFLICT (storeId) DO NOTHING`,
    params: [store.storeId, store.table, store.createdAt]
  },
  {
    sql: `SELECT backendId, ${headOf(store.table)} AS head,
        (SELECT createdAt FROM ${store.table} ORDER BY seqNum DESC LIMIT 1) AS createdAt
      FROM ${REGISTRY_TABLE} WHERE storeId = ?1`,
    params: [store.storeId]
  }
]

/**
 * The head, and the `backendId` by which the log is registered now (NULL if it is not): one row.
 *
 * @since 0.1.0
 * @category statements
 */
export const head = ({ storeId, table }: Omit<Incarnation, "backendId">): Statement => ({
  sql: `SELECT ${headOf(table)} AS head,
    ${registeredAs("?1")} AS backendId`,
  params: [storeId]
})

/**
 * The `backendId` of a store, NULL if it is not registered, as an expression. `storeId`: the place of its
 * parameter.
 *
 * @since 0.1.0
 * @category expressions
 */
export const registeredAs = (storeId: string): string =>
  `(SELECT backendId FROM ${REGISTRY_TABLE} WHERE storeId = ${storeId})`

/**
 * The head, as an expression.
 *
 * @since 0.1.0
 * @category expressions
 */
export const headOf = (table: string): string => `(SELECT coalesce(max(seqNum), 0) FROM ${table})`

/**
 * Which log, and which incarnation of it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Incarnation {
  readonly storeId: Handshake.StoreId
  readonly table: string
  readonly backendId: SyncError.BackendId
}

/**
 * The `createdAt` of the event at a position, if there is one.
 *
 * @since 0.1.0
 * @category statements
 */
export const createdAt = (table: string, seqNum: LogEvent.SeqNum): Statement => ({
  sql: `SELECT createdAt FROM ${table} WHERE seqNum = ?1`,
  params: [seqNum]
})

/**
 * The number of events and the bytes of their text, which `octet_length` tells without reading it.
 *
 * @since 0.1.0
 * @category statements
 */
export const stats = (table: string): Statement => ({
  sql: `SELECT count(*) AS events, coalesce(sum(octet_length(name) + coalesce(octet_length(args), 0)
      + octet_length(createdAt) + octet_length(clientId) + octet_length(sessionId)), 0) AS bytes
    FROM ${table}`,
  params: []
})

/**
 * Gives a log a new `backendId`: the row of the result. One that the registry has lost is registered
 * again. Fails if there is no log, whose table it looks into for that.
 *
 * @since 0.1.0
 * @category statements
 */
export const renew = ({ createdAt, storeId, table }: Registration): Statement => ({
  sql: `INSERT INTO ${REGISTRY_TABLE} (storeId, tableName, backendId, createdAt)
    SELECT ?1, ?2, ${NEW_BACKEND_ID}, ?3 WHERE ${headOf(table)} >= 0
    ON CONFLICT (storeId) DO UPDATE SET backendId = excluded.backendId RETURNING backendId`,
  params: [storeId, table, createdAt]
})

/**
 * Deletes the events, then as `renew`.
 *
 * @since 0.1.0
 * @category statements
 */
export const reset = (store: Registration): ReadonlyArray<Statement> => [
  { sql: `DELETE FROM ${store.table}`, params: [] },
  renew(store)
]

/**
 * Deletes a store.
 *
 * @since 0.1.0
 * @category statements
 */
export const remove = (store: Omit<Incarnation, "backendId">): ReadonlyArray<Statement> => [
  { sql: `DROP TABLE IF EXISTS ${store.table}`, params: [] },
  { sql: `DELETE FROM ${REGISTRY_TABLE} WHERE storeId = ?1`, params: [store.storeId] }
]
