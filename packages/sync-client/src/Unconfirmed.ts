/**
 * Which events that were pushed the server has not confirmed yet. "Synced" means on the server, and back.
 *
 * @since 0.1.0
 */
import type * as LogEvent from "@tidelog/sync-protocol/LogEvent"

/**
 * @since 0.1.0
 * @category models
 */
export interface Unconfirmed {
  /** A push begins. What was to be pushed in the same place, and was not accepted, it replaces. */
  readonly pushing: (batch: ReadonlyArray<LogEvent.LogEvent>) => void
  /** The server has stored the events up to a position. `willEcho`: a pull is going to deliver them. */
  readonly accepted: (last: LogEvent.SeqNum, willEcho: boolean) => void
  /** The caller has everything up to a position. */
  readonly reached: (cursor: LogEvent.SeqNum) => void
  /** A pull has delivered events. */
  readonly delivered: (events: ReadonlyArray<LogEvent.LogEvent>) => void
  /** The log is another one: nothing of this was about it. */
  readonly forget: () => void
}

/**
 * `onChange`: told how many are not confirmed, and which is the last event known to be in the log.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  onChange: (now: { readonly unconfirmed: number; readonly confirmed: LogEvent.SeqNum }) => void
): Unconfirmed => {
  let pending: ReadonlyArray<LogEvent.LogEvent> = []
  let stored: LogEvent.SeqNum = 0
  let confirmed: LogEvent.SeqNum = 0

  const change = (
    next: ReadonlyArray<LogEvent.LogEvent>,
    last: LogEvent.SeqNum = confirmed
  ): void => {
    pending = next
    confirmed = Math.max(confirmed, last)
    onChange({ unconfirmed: pending.length, confirmed })
  }

  return {
    pushing: (batch) => {
      const from = batch[0]?.seqNum ?? Infinity
      change([
        ...pending.filter(({ seqNum }) => seqNum <= stored && seqNum < from),
        ...batch.filter(({ seqNum }) => seqNum > confirmed)
      ])
    },
    accepted: (last, willEcho) => {
      stored = Math.max(stored, last)
      if (!willEcho) {
        change(
          pending.filter(({ seqNum }) => seqNum > last),
          last
        )
      }
    },
    reached: (cursor) => change(pending, cursor),
    delivered: (events) => {
      let rest = pending
      for (const { clientId, seqNum, sessionId } of rest.length === 0 ? [] : events) {
        const index = rest.findIndex((own) => own.seqNum >= seqNum)
        const own = rest[index]
        // One of somebody else's in its place confirms nothing: ours is about to be pushed anew.
        if (own?.seqNum === seqNum && own.clientId === clientId && own.sessionId === sessionId) {
          rest = rest.slice(index + 1)
        }
      }
      change(rest, events.at(-1)?.seqNum)
    },
    forget: () => {
      stored = 0
      confirmed = 0
      change([])
    }
  }
}
