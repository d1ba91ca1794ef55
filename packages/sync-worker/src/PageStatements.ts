/**
 * The SQL that reads a page of events.
 *
 * @since 0.1.0
 */
import type { LogEvent } from "@tidelog/sync-protocol"
import type { PageSize } from "./EventLog.ts"
import { COLUMNS, headOf, registeredAs } from "./EventLogStatements.ts"
import type { Incarnation } from "./EventLogStatements.ts"
import type { Statement } from "./SqlEngine.ts"

/**
 * The page after a position, an event a row.
 *
 * @since 0.1.0
 * @category statements
 */
export const read = (table: string, after: LogEvent.SeqNum, size: PageSize): Statement => ({
  sql: `SELECT ${COLUMNS} FROM ${table} WHERE ${inPage(table)} ORDER BY seqNum`,
  params: [after, ...bounds(size)]
})

/**
 * The page after a position as one row: `upTo`, `events`, `bytes` and `text`, NULL where there is
 * no event, and the log as it is then: its `head`, and the `backendId` that it is registered by. The text is that of `FrameText.pulledEvent`, joined by commas. SQLite writes it faster
 * than JavaScript turns rows into it, and one long value comes out of a database faster than many
 * short ones.
 *
 * It fails for a text over 2 MB. Escaped names may bring that about, for the size of a page counts
 * them unescaped.
 *
 * @since 0.1.0
 * @category statements
 */
export const readPage = (
  { storeId, table }: Omit<Incarnation, "backendId">,
  after: LogEvent.SeqNum,
  size: PageSize
): Statement => ({
  sql: `SELECT max(seqNum) AS upTo, count(*) AS events,
      sum(octet_length(json)) + count(*) - 1 AS bytes, group_concat(json, ',') AS text,
      ${headOf(table)} AS head, ${registeredAs("?4")} AS backendId
    FROM (SELECT seqNum, ${PULLED_EVENT} AS json FROM ${table}
      WHERE ${inPage(table)} ORDER BY seqNum)`,
  params: [after, ...bounds(size), storeId]
})

/** No database has an endless number. */
const bounds = ({ maxBytes, maxEvents }: PageSize): readonly [number, number] => [
  Math.min(maxEvents, Number.MAX_SAFE_INTEGER),
  Math.min(maxBytes, Number.MAX_SAFE_INTEGER)
]

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
