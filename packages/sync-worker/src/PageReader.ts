/**
 * Reading pages of the log for those who are behind: once for all who stand at the same place, and
 * never so many at a time that a push would have to wait for them.
 *
 * @since 0.1.0
 */
import type { LogEvent } from "@tidelog/sync-protocol"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import type { EventLogService, LogPage, PageSize, ReadError } from "./EventLog.ts"
import type { Head } from "./Head.ts"
import * as Turns from "./internal/turns.ts"
import type { Tail } from "./Tail.ts"

/**
 * Pages of the log, each read once for all who wait for it.
 *
 * @since 0.1.0
 * @category models
 */
export interface PageReader {
  /**
   * The page after a position. One that does not reach the head is what it is, whatever is appended,
   * and may come from memory.
   */
  readonly read: (after: LogEvent.SeqNum) => Effect.Effect<LogPage, ReadError>
}

/** Reads at the same time. The database answers one after another, and a push is among them. */
const MAX_READS = 2

/** Bytes of pages that stay in memory, for readers who catch up together. */
const MAX_BYTES = 8_000_000

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: {
  readonly log: Pick<EventLogService, "readPage">
  readonly tail: Pick<Tail, "head" | "moves">
  readonly head: Pick<Head, "told">
  readonly size: PageSize
}): PageReader => {
  const { head, log, size, tail } = options
  const turns = Turns.make(MAX_READS)
  const reading = new Map<LogEvent.SeqNum, Deferred.Deferred<LogPage, ReadError>>()
  /** The latest last. */
  const pages = new Map<LogEvent.SeqNum, LogPage>()
  let bytes = 0
  let moves = tail.moves()

  /** What was remembered of a log that turned out to be another one no longer counts. */
  const forgetMoved = () => {
    if (moves === tail.moves()) return
    moves = tail.moves()
    reading.clear()
    pages.clear()
    bytes = 0
  }

  const drop = (after: LogEvent.SeqNum, page: LogPage) => {
    pages.delete(after)
    bytes -= page.bytes
  }

  const keep = (after: LogEvent.SeqNum, page: LogPage) => {
    pages.set(after, page)
    bytes += page.bytes
    for (const [oldest, dropped] of pages) {
      if (bytes <= MAX_BYTES) return
      drop(oldest, dropped)
    }
  }

  /** What is read tells where the log ends as well. */
  const readNow = (after: LogEvent.SeqNum) =>
    Effect.suspend(() => {
      const known = tail.head()
      return Effect.tap(log.readPage(after, size), (page) => head.told(known, page.head))
    })

  const readOnce = (after: LogEvent.SeqNum) =>
    Effect.suspend(() => {
      const answer = Deferred.unsafeMake<LogPage, ReadError>(FiberId.none)
      reading.set(after, answer)
      return turns.inTurn(readNow(after)).pipe(
        Effect.onExit((exit) => {
          forgetMoved()
          if (reading.get(after) === answer) {
            reading.delete(after)
            const end = tail.head()
            if (exit._tag === "Success" && (exit.value.upTo ?? end) < end) keep(after, exit.value)
          }
          return Deferred.done(answer, exit)
        }),
        // Others wait for it.
        Effect.uninterruptible
      )
    })

  return {
    read: (after) =>
      Effect.suspend(() => {
        forgetMoved()
        const page = pages.get(after)
        if (page !== undefined) {
          pages.delete(after)
          pages.set(after, page)
          return Effect.succeed(page)
        }
        const answer = reading.get(after)
        return answer === undefined ? readOnce(after) : Deferred.await(answer)
      })
  }
}
