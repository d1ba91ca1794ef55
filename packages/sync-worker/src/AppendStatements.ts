/**
 * The SQL that appends a batch.
 *
 * @since 0.1.0
 */
import { Chunking } from "@tidelog/sync-protocol"
import type { FrameText } from "@tidelog/sync-protocol"
import type { NonEmptyReadonlyArray } from "effect/Array"
import { COLUMNS, headOf, REGISTRY_TABLE } from "./EventLogStatements.ts"
import type { Incarnation } from "./EventLogStatements.ts"
import type { Statement } from "./SqlEngine.ts"

/**
 * UTF-16 code units of one JSON parameter, escapes included. Each takes up to three bytes, and D1
 * takes 2 MB.
 */
const MAX_PARAM_LENGTH = 650_000

/**
 * How a log is appended to: a batch is written if its first parent is the head and the log has still
 * this `backendId`, else nothing is.
 *
 * One statement, with the batch as one JSON parameter, as long as that is not too long; else several,
 * run as one transaction, each of which writes only if the one before it has: a later part may
 * well find its own parent at the head of a log where the first part does not belong.
 *
 * @since 0.1.0
 * @category statements
 */
export const make = ({
  backendId,
  storeId,
  table
}: Incarnation): ((
  batch: NonEmptyReadonlyArray<FrameText.EventParts>
) => ReadonlyArray<Statement>) => {
  const atHead = `${headOf(table)} = ?1
    AND (SELECT backendId FROM ${REGISTRY_TABLE} WHERE storeId = ?2) = ?3`
  const ifWritten = "changes() = ?1"
  // Most pushes are of one event.
  const one = oneSql(table, { sql: atHead, params: 3 })

  const parts = (batch: NonEmptyReadonlyArray<FrameText.EventParts>) => {
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
      const condition: Statement =
        previous === undefined
          ? { sql: atHead, params: [batch[0].parentSeqNum, storeId, backendId] }
          : { sql: ifWritten, params: [previous.length] }
      const [first] = part
      return part.length === 1 && first !== undefined
        ? {
            sql: oneSql(table, { sql: condition.sql, params: condition.params.length }),
            params: [...condition.params, ...first.row]
          }
        : appendMany(
            table,
            part.map(({ text }) => text),
            template,
            condition
          )
    })
  }

  return (batch) =>
    batch.length === 1
      ? [{ sql: one, params: [batch[0].parentSeqNum, storeId, backendId, ...toRow(batch[0])] }]
      : parts(batch)
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

/**
 * `lines`: for each row, a JSON array of the columns that the template leaves open. `condition`: what
 * has to hold for them to be written; its parameters come first.
 */
const appendMany = (
  table: string,
  lines: ReadonlyArray<string>,
  template: Template,
  condition: Statement
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

/**
 * Writes one event, with its arguments as a parameter of their own, unescaped: up to the size of a
 * row. `condition`: as above, with the number of its parameters.
 */
const oneSql = (
  table: string,
  condition: { readonly sql: string; readonly params: number }
): string => {
  const places = COLUMNS.split(",").map((_, index) => `?${condition.params + 1 + index}`)
  return `INSERT INTO ${table} (${COLUMNS}) SELECT ${places.join(", ")} WHERE ${condition.sql}`
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
