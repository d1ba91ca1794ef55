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
 * - `Next`: it continues the log. `page` holds what is new of it, `cursor` is the last event.
 * - `Gap`: it does not; the log has more up to `upTo` at least. Nothing of it may be used.
 *
 * @since 0.1.0
 * @category models
 */
export type Reading =
  | {
      readonly _tag: "Next"
      readonly page: Message.PullResponse
      readonly cursor: LogEvent.SeqNum
    }
  | { readonly _tag: "Gap"; readonly upTo: LogEvent.SeqNum }

/**
 * Reads a page at a cursor. Events at or below the cursor are known and left out; each other event's
 * parent must be the one before it. So whatever a server repeats, reorders or leaves out, the
 * events of all `Next` pages form one chain.
 *
 * @since 0.1.0
 * @category reading
 */
export const read = (cursor: LogEvent.SeqNum, page: Message.PullResponse): Reading => {
  let end = cursor
  const batch: Array<Message.PulledEvent> = []
  for (const event of page.batch) {
    const { parentSeqNum, seqNum } = event.eventEncoded
    if (seqNum <= end) continue
    if (parentSeqNum !== end) {
      return {
        _tag: "Gap",
        upTo: page.batch.reduce((max, { eventEncoded }) => Math.max(max, eventEncoded.seqNum), 0)
      }
    }
    batch.push(event)
    end = seqNum
  }
  return {
    _tag: "Next",
    page: batch.length === page.batch.length ? page : { ...page, batch },
    cursor: end
  }
}
