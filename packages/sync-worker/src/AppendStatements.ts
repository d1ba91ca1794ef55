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
