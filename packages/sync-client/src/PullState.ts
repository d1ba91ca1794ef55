/**
 * The place of a pull in the log, and what may follow it.
 *
 * @since 0.1.0
 */
import type * as LogEvent from "@tidelog/sync-protocol/LogEvent"
import type * as Message from "@tidelog/sync-protocol/Message"

/**
 * What a page is to a reader at a cursor.
 *
 * - `page`: what is new of it and continues the log. If there is a gap behind that, it is not the last page.
 * - `cursor`: the last event of that.
 * - `gapUpTo`: there is a gap, and the log has more up to here at least; 0 if there is none.
 *
 * @since 0.1.0
 * @category models
 */
export interface Reading {
  readonly page: Message.PullResponse
  readonly cursor: LogEvent.SeqNum
  readonly gapUpTo: LogEvent.SeqNum
}

const MORE: Message.PageInfo = { _tag: "MoreUnknown" }

/**
 * Reads a page at a cursor. Events at or below the cursor are known and left out; each other event's
 * parent must be the one before it. So whatever a server repeats, reorders or leaves out, the
 * events of all readings form one chain.
 *
 * @since 0.1.0
 * @category reading
 */
export const read = (cursor: LogEvent.SeqNum, page: Message.PullResponse): Reading => {
  let end = cursor
  let gapUpTo = 0
  const batch: Array<Message.PulledEvent> = []
  for (const event of page.batch) {
    const { parentSeqNum, seqNum } = event.eventEncoded
    if (seqNum <= end) continue
    if (gapUpTo > 0 || parentSeqNum !== end) gapUpTo = Math.max(gapUpTo, seqNum)
    else {
      batch.push(event)
      end = seqNum
    }
  }
  const isWhole = batch.length === page.batch.length
  const pageInfo = gapUpTo > 0 ? MORE : page.pageInfo
  return { page: isWhole ? page : { ...page, batch, pageInfo }, cursor: end, gapUpTo }
}
