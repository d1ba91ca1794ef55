/**
 * The end of the log, in memory: where it is, and its latest events as text.
 *
 * @since 0.1.0
 */
import { FrameText } from "@tidelog/sync-protocol"
import type { LogEvent, SyncError } from "@tidelog/sync-protocol"
import * as Effect from "effect/Effect"
import type { LogEntry, LogPage, PageSize } from "./EventLog.ts"
import { indexAfter, takePage, toLogPage } from "./internal/page.ts"

/**
 * A page, ready to be sent to whoever stands at `after`.
 *
 * `upTo`: the last event in it. `text`: the text of its `PullResponse`. `bytes`: of its events.
 *
 * @since 0.1.0
 * @category models
 */
export interface Page {
  readonly after: LogEvent.SeqNum
  readonly upTo: LogEvent.SeqNum
  readonly text: string
  readonly bytes: number
}

/**
 * Mutable, and owned by one server: its members run within one turn of the event loop.
 *
 * @since 0.1.0
 * @category models
 */
export interface Tail {
  readonly head: () => LogEvent.SeqNum

  /** The head before the events that were appended last. Who stands there has missed only those. */
  readonly headBefore: () => LogEvent.SeqNum

  /** Events that were appended. Nothing happens if the head is known to be beyond them already. */
  readonly advance: (entries: ReadonlyArray<LogEntry>) => void

  /**
   * The log turned out to be elsewhere: what was remembered of it no longer counts. What is left to do of
   * telling it on.
   */
  readonly moveTo: (head: LogEvent.SeqNum) => Effect.Effect<void>

  /** How often that has happened. */
  readonly moves: () => number

  /**
   * The head as it was read from the log. `known`: the head of this tail when the reading began. If
   * it is another by now, the answer may be the older of the two, and does not count. What is left to
   * do of telling it on.
   */
  readonly correct: (known: LogEvent.SeqNum, head: LogEvent.SeqNum) => Effect.Effect<void>

  /** How often the head has turned out to be before the known one. */
  readonly cuts: () => number

  /** The last position that the log is known to have had, though it may have lost it. */
  readonly highest: () => LogEvent.SeqNum

  /**
   * Whom to tell, at once, when the head turns out to be elsewhere: `isBack` if it is before the known
   * one.
   */
  readonly onMoved: (listener: (isBack: boolean) => Effect.Effect<void>) => void

  /**
   * The page after a position, from memory: also the empty one at the head. `undefined` if it has
   * to be read from the log. `size`: how much it may hold, if not as much as pages do.
   */
  readonly page: (after: LogEvent.SeqNum, size?: PageSize) => Page | undefined

  /** Turns what was read from the log into a page. */
  readonly toPage: (after: LogEvent.SeqNum, page: Omit<LogPage, "events" | "head">) => Page

  /** When the event at a position was stored, if memory tells. */
  readonly createdAt: (seqNum: LogEvent.SeqNum) => string | undefined
}

/**
 * Bytes of events that stay in memory. A reader less than this behind costs no query. The object
 * has 128 MB for everything.
 */
const MAX_BYTES = 4_000_000

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: {
  readonly head: LogEvent.SeqNum
  readonly createdAt: string | undefined
  readonly backendId: SyncError.BackendId
  readonly size: PageSize
}): Tail => {
  let head = options.head
  let headBefore = head
  /** The position before the first remembered event. */
  let start = head
  let entries: Array<LogEntry> = []
  let bytes = 0
  let moves = 0
  let cuts = 0
  let highest = head
  let tellMoved: (isBack: boolean) => Effect.Effect<void> = () => Effect.void
  /** The page last made from memory, and how: all readers at the head take the same one. */
  let latest: Page | undefined
  let latestSize = options.size

  const toPage: Tail["toPage"] = (after, { bytes, text, upTo = after }) => ({
    after,
    upTo,
    bytes,
    text: FrameText.pullResponse(text, FrameText.pageInfoAt(upTo, head), options.backendId)
  })

  /** Makes room for an eighth more than is needed: an array that is cut at each push costs its length. */
  const forget = () => {
    if (bytes <= MAX_BYTES) return
    let dropped = 0
    for (; bytes > (MAX_BYTES / 8) * 7 && dropped < entries.length; dropped++) {
      bytes -= entries[dropped]?.bytes ?? 0
      start = entries[dropped]?.seqNum ?? start
    }
    entries = entries.slice(dropped)
  }

  const moveTo = (position: LogEvent.SeqNum) => {
    const isBack = position < head
    highest = Math.max(highest, head)
    moves += 1
    head = position
    headBefore = position
    start = position
    entries = []
    bytes = 0
    latest = undefined
    if (isBack) cuts += 1
    return tellMoved(isBack)
  }

  return {
    head: () => head,
    headBefore: () => headBefore,
    advance: (appended) => {
      if ((appended.at(-1)?.seqNum ?? head) <= head) return
      headBefore = head
      for (const entry of appended) {
        entries.push(entry)
        bytes += entry.bytes
        head = entry.seqNum
      }
      latest = undefined
      forget()
    },
    moveTo,
    moves: () => moves,
    correct: (known, position) =>
      head === known && head !== position ? moveTo(position) : Effect.void,
    cuts: () => cuts,
    highest: () => Math.max(highest, head),
    onMoved: (listener) => {
      tellMoved = listener
    },
    page: (after, size = options.size) => {
      if (after < start || after > head) return undefined
      if (latest?.after !== after || latestSize !== size) {
        latest = toPage(after, toLogPage(takePage(entries, after, size), head))
        latestSize = size
      }
      return latest
    },
    toPage,
    createdAt: (seqNum) => {
      if (seqNum === options.head && moves === 0) return options.createdAt
      const entry = entries[indexAfter(entries, seqNum - 1)]
      return entry?.seqNum === seqNum ? entry.createdAt : undefined
    }
  }
}
