/**
 * What the server keeps of a list: the rows of its event log.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Wrangler } from "./Wrangler.ts"

export const EventRow = Schema.Struct({
  seqNum: Schema.Int,
  parentSeqNum: Schema.Int,
  name: Schema.String,
  args: Schema.parseJson(Schema.Struct({ id: Schema.String, text: Schema.optional(Schema.String) }))
})

export type EventRow = typeof EventRow.Type

/** The log of a store, in its order. */
export const read = (storeId: string) =>
  Effect.flatMap(Wrangler, ({ d1 }) =>
    d1(
      EventRow,
      `SELECT seqNum, parentSeqNum, name, args FROM "eventlog_7_${storeId}" ORDER BY seqNum`
    )
  )
