import type { LogEvent } from "@tidelog/sync-protocol"
import type { LogEntry, LogPage, PageSize } from "../EventLog.ts"

/** The first index whose entry comes after a position. Entries ascend. */
export const indexAfter = (entries: ReadonlyArray<LogEntry>, after: LogEvent.SeqNum): number => {
  let low = 0
  let high = entries.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((entries[middle]?.seqNum ?? 0) > after) high = middle
    else low = middle + 1
  }
  return low
}

/** One page of ascending entries after a position: at least one, if there is one. */
export const takePage = (
  entries: ReadonlyArray<LogEntry>,
  after: LogEvent.SeqNum,
  size: PageSize
): ReadonlyArray<LogEntry> => {
  const start = indexAfter(entries, after)
  let end = start
  let bytes = 0
  for (; end < entries.length && end - start < size.maxEvents; end++) {
    bytes += entries[end]?.bytes ?? 0
    if (bytes > size.maxBytes && end > start) break
  }
  return entries.slice(start, end)
}

/** `head`: where the log ends. */
export const toLogPage = (entries: ReadonlyArray<LogEntry>, head: LogEvent.SeqNum): LogPage => ({
  head,
  upTo: entries.at(-1)?.seqNum,
  text: entries.map(({ json }) => json).join(","),
  events: entries.length,
  bytes: entries.reduce((sum, { bytes }) => sum + bytes + 1, entries.length > 0 ? -1 : 0)
})
