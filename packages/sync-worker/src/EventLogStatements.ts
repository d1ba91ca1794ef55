/**
 * The SQL of the event log. Table names come from `StoreTable`, which leaves nothing to quote.
 *
 * @since 0.1.0
 */
import type { FrameText, Handshake, LogEvent, SyncError } from "@tidelog/sync-protocol"
import { Chunking } from "@tidelog/sync-protocol"
import type { NonEmptyReadonlyArray } from "effect/Array"
import type { PageSize } from "./EventLog.ts"
import type { Statement } from "./SqlEngine.ts"

/**
 * The registry of all stores in a database: which table is whose, and which incarnation it is.
 *
 * @since 0.1.0
 * @category constants
 */
export const REGISTRY_TABLE = "tidelog_stores"

/**
 * UTF-16 code units of one JSON parameter, escapes included. Each takes up to three bytes, and D1
 * takes 2 MB.
 */
const MAX_PARAM_LENGTH = 650_000

/** 128 random bits. */
const NEW_BACKEND_ID = "lower(hex(randomblob(16)))"

/**
 * The columns of a store's table. The database keeps the text of every table, and reads all of them
 * when it starts: without a needless space, that takes half as long where there are thousands.
 */
const TABLE =
  "seqNum INTEGER PRIMARY KEY,parentSeqNum INTEGER NOT NULL,name TEXT NOT NULL,args TEXT,"
  + "createdAt TEXT NOT NULL,clientId TEXT NOT NULL,sessionId TEXT NOT NULL"

/** Columns in the order in which a batch's JSON rows give them. */
const COLUMNS = "seqNum, parentSeqNum, name, args, createdAt, clientId, sessionId"

/**
 * Opens a store's log, and makes it if it is new. The last result is one row: its `backendId`,
 * its `head`, and the `createdAt` of the event there (NULL if there is none).
 *
 * @since 0.1.0
 * @category statements
 */
export const open = (store: {
  readonly storeId: Handshake.StoreId
  readonly table: string
  readonly createdAt: string
}): NonEmptyReadonlyArray<Statement> => [
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
 * The head: column `head`.
 *
 * @since 0.1.0
 * @category statements
 */
export const head = (table: string): Statement => ({
  sql: `SELECT ${headOf(table)} AS head`,
  params: []
})

const headOf = (table: string): string => `(SELECT coalesce(max(seqNum), 0) FROM ${table})`

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
 * Appends a batch if its first parent is the head and the log has still this `backendId`, else
 * writes nothing.
 *
 * One statement, with the batch as one JSON parameter, as long as that is not too long; else several,
 * run as one transaction, each of which writes only if the one before it has: a later part may
 * well find its own parent at the head of a log where the first part does not belong.
 *
 * @since 0.1.0
 * @category statements
 */
export const append = (
  { backendId, storeId, table }: Incarnation,
  batch: NonEmptyReadonlyArray<FrameText.EventParts>
): ReadonlyArray<Statement> => {
  const rows = batch.map(toRow)
  const template = toTemplate(batch[0], rows)
  const lines = rows.map((row) => ({
    row,
    text: JSON.stringify(row.filter((_, column) => template[column] === undefined))
  }))
  return Chunking.chunkByBytes(lines, {
    maxItems: Number.POSITIVE_INFINITY,
    maxBytes: MAX_PARAM_LENGTH,
    sizeOf: ({ text }) => text.length + 1
  }).map((part, index, parts) => {
    const previous = parts[index - 1]
    const condition: Condition =
      previous === undefined
        ? {
            sql: `${headOf(table)} = ?1
              AND (SELECT backendId FROM ${REGISTRY_TABLE} WHERE storeId = ?2) = ?3`,
            params: [batch[0].parentSeqNum, storeId, backendId]
          }
        : { sql: "changes() = ?1", params: [previous.length] }
    const [first] = part
    return part.length === 1 && first !== undefined
      ? appendOne(table, first.row, condition)
      : appendMany(
          table,
          part.map(({ text }) => text),
          template,
          condition
        )
  })
}

type Value = string | number | null

/** The value of each column, where all rows have the same; `undefined` where they differ. */
type Template = ReadonlyArray<Value | undefined>

/**
 * The events of a push mostly differ in their places and arguments alone: what they share is a
 * parameter, which SQLite need not look for in the JSON of each row.
 */
const toTemplate = (
  first: FrameText.EventParts,
  rows: ReadonlyArray<ReadonlyArray<Value>>
): Template =>
  toRow(first).map((value, column) =>
    rows.every((row) => row[column] === value) ? value : undefined
  )

/** What has to hold for a part to be written. Its parameters come before those of the part. */
type Condition = Statement

/** `lines`: for each row, a JSON array of the columns that the template leaves open. */
const appendMany = (
  table: string,
  lines: ReadonlyArray<string>,
  template: Template,
  condition: Condition
): Statement => {
  const params: Array<Value> = [...condition.params]
  const place = (value: Value) => `?${params.push(value)}`
  let open = 0
  const values = template.map((value) =>
    value === undefined ? `value ->> ${open++}` : place(value)
  )
  return {
    sql: `INSERT INTO ${table} (${COLUMNS}) SELECT ${values.join(", ")}
      FROM json_each(${place(`[${lines.join(",")}]`)}) WHERE ${condition.sql}`,
    params
  }
}

/** The arguments as a parameter of their own, unescaped: up to the size of a row. */
const appendOne = (table: string, row: ReadonlyArray<Value>, condition: Condition): Statement => {
  const places = row.map((_, index) => `?${condition.params.length + 1 + index}`).join(", ")
  return {
    sql: `INSERT INTO ${table} (${COLUMNS}) SELECT ${places} WHERE ${condition.sql}`,
    params: [...condition.params, ...row]
  }
}

const toRow = (event: FrameText.EventParts): ReadonlyArray<Value> => [
  event.seqNum,
  event.parentSeqNum,
  event.name,
  event.args ?? null,
  event.createdAt,
  event.clientId,
  event.sessionId
]

/**
 * The page after a position, an event a row.
 *
 * @since 0.1.0
 * @category statements
 */
export const read = (table: string, after: LogEvent.SeqNum, size: PageSize): Statement => ({
  sql: `SELECT ${COLUMNS} FROM ${table} WHERE ${inPage(table)} ORDER BY seqNum`,
  params: [after, size.maxEvents, size.maxBytes]
})

/**
 * The page after a position as one row: `upTo`, `events`, `bytes` and `text`, NULL where there is
 * no event. The text is that of `FrameText.pulledEvent`, joined by commas. SQLite writes it faster
 * than JavaScript turns rows into it, and one long value comes out of a database faster than many
 * short ones.
 *
 * It fails for a text over 2 MB. Escaped names may bring that about, for the size of a page counts
 * them unescaped.
 *
 * @since 0.1.0
 * @category statements
 */
export const readPage = (table: string, after: LogEvent.SeqNum, size: PageSize): Statement => ({
  sql: `SELECT max(seqNum) AS upTo, count(*) AS events,
      sum(octet_length(json)) + count(*) - 1 AS bytes, group_concat(json, ',') AS text
    FROM (SELECT seqNum, ${PULLED_EVENT} AS json FROM ${table}
      WHERE ${inPage(table)} ORDER BY seqNum)`,
  params: [after, size.maxEvents, size.maxBytes]
})

/** `FrameText.pulledEvent` in SQL. */
const PULLED_EVENT = `'{"eventEncoded":{"name":' || json_quote(name)
  || CASE WHEN args IS NULL THEN '' ELSE ',"args":' || args END
  || ',"seqNum":' || seqNum || ',"parentSeqNum":' || parentSeqNum
  || ',"clientId":' || json_quote(clientId) || ',"sessionId":' || json_quote(sessionId)
  || '},"metadata":{"_tag":"Some","value":{"_tag":"SyncMessage.SyncMetadata","createdAt":'
  || json_quote(createdAt) || '}}}'`

/**
 * Whether a row is in the page after ?1, of up to ?2 events and ?3 bytes. `octet_length` tells sizes
 * without reading contents. Most pages are not limited by their bytes: only one that is has to find
 * the place where it ends, by a running total.
 */
const inPage = (table: string): string => `seqNum > ?1 AND seqNum <= (
  SELECT CASE WHEN total <= ?3 THEN last ELSE (
    SELECT max(seqNum) FROM (
      SELECT seqNum, row_number() OVER page AS place, sum(size) OVER page AS total
      FROM (${nextSizes(table)}) WINDOW page AS (ORDER BY seqNum ROWS UNBOUNDED PRECEDING)
    ) WHERE place = 1 OR total <= ?3
  ) END FROM (SELECT max(seqNum) AS last, sum(size) AS total FROM (${nextSizes(table)}))
)`

const nextSizes = (table: string): string => `
  SELECT seqNum, coalesce(octet_length(args), 0) + octet_length(name) + octet_length(clientId)
    + octet_length(sessionId) + 256 AS size
  FROM ${table} WHERE seqNum > ?1 ORDER BY seqNum LIMIT ?2`

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
 * Gives a log a new `backendId`: the row of the last result, none if the log is not registered.
 *
 * @since 0.1.0
 * @category statements
 */
export const renew = ({ storeId }: Pick<Incarnation, "storeId">): Statement => ({
  sql: `UPDATE ${REGISTRY_TABLE} SET backendId = ${NEW_BACKEND_ID}
    WHERE storeId = ?1 RETURNING backendId`,
  params: [storeId]
})

/**
 * Deletes the events, then as `renew`.
 *
 * @since 0.1.0
 * @category statements
 */
export const reset = (store: Omit<Incarnation, "backendId">): ReadonlyArray<Statement> => [
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
 * One row if there is a registry. Asks for its columns, because a look through `sqlite_schema` would
 * pass by every store's table.
 *
 * @since 0.1.0
 * @category statements
 */
export const registryExists: Statement = {
  sql: `SELECT 1 FROM pragma_table_info('${REGISTRY_TABLE}') LIMIT 1`,
  params: []
}

/**
 * Asks for nothing.
 *
 * @since 0.1.0
 * @category statements
 */
export const ping: Statement = { sql: "SELECT 1", params: [] }
