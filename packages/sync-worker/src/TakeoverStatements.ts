/**
 * The SQL that makes a table of the official backend the log of a store.
 *
 * @since 0.1.0
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as EventLogStatements from "./EventLogStatements.ts"
import type { Registration } from "./EventLogStatements.ts"
import type { Statement } from "./SqlEngine.ts"
import type { OfficialPast } from "./Takeover.ts"

const { REGISTRY_TABLE } = EventLogStatements

/**
 * Which store has taken over which table of the official backend. A row stays when its store is removed: the
 * object may still remember that there was a table.
 */
const TAKEOVERS_TABLE = "tidelog_takeovers"

/**
 * A store, with the name of its table under the official backend, in lower case.
 *
 * @since 0.1.0
 * @category models
 */
export interface Successor extends Registration {
  readonly official: string
}

const byName = (place: string) =>
  `(SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ${place} COLLATE NOCASE)`

/**
 * Looks at what there is of a store that is not registered, or has no table. The last result is one row:
 * `backendId`, if it is registered; the `ours` and the `official` table, each as the text that made it;
 * `claimedBy`, the store that has the official one. NULL is for what there is not.
 *
 * @since 0.1.0
 * @category statements
 */
export const look = (store: Successor): NonEmptyReadonlyArray<Statement> => [
  EventLogStatements.CREATE_REGISTRY,
  {
    sql: `CREATE TABLE IF NOT EXISTS ${TAKEOVERS_TABLE} (
      officialTable TEXT PRIMARY KEY NOT NULL,
      storeId TEXT NOT NULL,
      createdAt TEXT NOT NULL
    ) STRICT, WITHOUT ROWID`,
    params: []
  },
  {
    sql: `SELECT ${EventLogStatements.registeredAs("?1")} AS backendId,
      ${byName("?2")} AS ours, ${byName("?3")} AS official,
      coalesce((SELECT storeId FROM ${TAKEOVERS_TABLE} WHERE officialTable = ?3), ${ownerOf("?3")}) AS claimedBy`,
    params: [store.storeId, store.table, store.official]
  }
]

/**
 * Makes the official table the log of a store, under the name of its own, so that no two stores ever find
 * the same table: all of it or nothing, and no event is copied. Fails with `NOT_PROVEN` where the table
 * has to prove itself and does not. The last result is as that of `EventLogStatements.open`; the one
 * before it is one row: `brokenAt`, the first event that does not continue the chain, NULL if it is one.
 *
 * @since 0.1.0
 * @category statements
 */
export const take = (
  store: Successor,
  past: OfficialPast | undefined,
  { mustProve }: { readonly mustProve: boolean }
): NonEmptyReadonlyArray<Statement> => {
  const { createdAt, official, storeId, table } = store
  const proof = mustProve ? proofOf(official, past) : ANYTHING
  const rename: Statement = { sql: `ALTER TABLE ${official} RENAME TO ${table}`, params: [] }
  return [
    {
      // What is not proven is nobody's: the column takes no NULL, and so nothing is done at all.
      sql: `INSERT INTO ${TAKEOVERS_TABLE} (officialTable, storeId, createdAt)
        SELECT ?1, iif(${ownerOf("?1")} IS NULL AND ${proof.sql}, ?2, NULL), ?3`,
      params: [official, storeId, createdAt, ...proof.params]
    },
    // Who was too late finds nothing to take.
    ...(official === table ? [] : [rename]),
    EventLogStatements.register(store, past?.backendId),
    {
      sql: `SELECT min(seqNum) AS brokenAt FROM (
        SELECT seqNum, parentSeqNum, lag(seqNum, 1, 0) OVER (ORDER BY seqNum) AS previous FROM ${table}
      ) WHERE parentSeqNum <> previous`,
      params: []
    },
    EventLogStatements.opened(store)
  ]
}

/**
 * How `take` says that the table does not prove to be the store's.
 *
 * @since 0.1.0
 * @category constants
 */
export const NOT_PROVEN = new RegExp(`NOT NULL constraint failed: ${TAKEOVERS_TABLE}\\.storeId`)

const ownerOf = (place: string) =>
  `(SELECT storeId FROM ${REGISTRY_TABLE} WHERE tableName = ${place})`

const ANYTHING: Statement = { sql: "TRUE", params: [] }

/**
 * What holds if all events of a table are of the store of an object. Under the official backend the first
 * push of each store follows the root, and is stored before the store's head moves. So a store with
 * a head has an event there that follows the root; if another one has stored any, there are two of them.
 *
 * A store without a head has stored nothing, as far as anybody was told.
 */
const proofOf = (table: string, past: OfficialPast | undefined): Statement => {
  const { head = 0, provenHead = 0 } = past ?? {}
  if (head === 0) return { sql: `NOT EXISTS (SELECT 1 FROM ${table})`, params: [] }
  if (provenHead === 0) return { sql: "FALSE", params: [] }
  return {
    sql: `EXISTS (SELECT 1 FROM ${table} WHERE seqNum = ?4)
      AND (SELECT count(*) FROM (SELECT 1 FROM ${table} WHERE parentSeqNum = 0 LIMIT 2)) = 1`,
    params: [provenHead]
  }
}
