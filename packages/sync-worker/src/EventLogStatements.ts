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

/** SQLite keeps it as it was written. */
const DEFINITION = `(${TABLE})STRICT`

const createTable = ({ table }: Registration): Statement => ({
  sql: `CREATE TABLE IF NOT EXISTS ${table}${DEFINITION}`,
  params: []
})

/**
 * Makes the registry. Without rowids: a new store writes two rows here, where it would write three.
 *
 * @since 0.1.0
 * @category statements
 */
export const CREATE_REGISTRY: Statement = {
  sql: `CREATE TABLE IF NOT EXISTS ${REGISTRY_TABLE} (
    storeId TEXT PRIMARY KEY NOT NULL,
    tableName TEXT NOT NULL UNIQUE,
    backendId TEXT NOT NULL,
    createdAt TEXT NOT NULL
  ) STRICT, WITHOUT ROWID`,
  params: []
}

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
 * Opens a store's log, and makes it if it is new: if neither is the store registered, nor is there a table of
 * its name, which might be another store's. The last result is that of `opened`, the second has a change
 * if the log was made.
 *
 * @since 0.1.0
 * @category statements
 */
export const open = (store: Registration): NonEmptyReadonlyArray<Statement> => [
  CREATE_REGISTRY,
  {
    sql: `INSERT INTO ${REGISTRY_TABLE} (storeId, tableName, backendId, createdAt)
      SELECT ?1, ?2, ${NEW_BACKEND_ID}, ?3 WHERE NOT EXISTS (SELECT 1 FROM pragma_table_info(?2))
      ON CONFLICT (storeId) DO NOTHING`,
    params: [store.storeId, store.table, store.createdAt]
  },
  createTable(store),
  opened(store)
]

/**
 * Opens a store's log, and registers it if it is not, whatever is in a table of its name. The results are as
 * those of `open`. `backendId`: what it is registered with, if not with a new one.
 *
 * @since 0.1.0
 * @category statements
 */
export const openAnyway = (
  store: Registration,
  backendId: SyncError.BackendId | undefined
): NonEmptyReadonlyArray<Statement> => [
  CREATE_REGISTRY,
  register(store, backendId),
  createTable(store),
  opened(store)
]

/**
 * Registers a store, with a `backendId` or a new one, if it is not registered.
 *
 * @since 0.1.0
 * @category statements
 */
export const register = (
  store: Registration,
  backendId: SyncError.BackendId | undefined
): Statement => ({
  sql: `INSERT INTO ${REGISTRY_TABLE} (storeId, tableName, backendId, createdAt)
    VALUES (?1, ?2, coalesce(?4, ${NEW_BACKEND_ID}), ?3) ON CONFLICT (storeId) DO NOTHING`,
  params: [store.storeId, store.table, store.createdAt, backendId ?? null]
})

/**
 * One row if the store is registered: its `backendId`, its `head`, and the `createdAt` of the event there
 * (NULL if there is none). Fails if it has no table, or there is no registry.
 *
 * @since 0.1.0
 * @category statements
 */
export const opened = (store: Registration): Statement => ({
  sql: `SELECT backendId, ${headOf(store.table)} AS head,
      (SELECT createdAt FROM ${store.table} ORDER BY seqNum DESC LIMIT 1) AS createdAt
    FROM ${REGISTRY_TABLE} WHERE storeId = ?1`,
  params: [store.storeId]
})

/**
 * Whether a table was made by this backend, by the text that made it.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isMadeHere = (text: string): boolean => text.endsWith(DEFINITION)

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
