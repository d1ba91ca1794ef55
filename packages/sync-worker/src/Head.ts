/**
 * The head of the log as the log itself tells it: what is remembered of it may be out of date, if
 * another writer moved it or the database was restored.
 *
 * @since 0.1.0
 */
import type { LogEvent } from "@tidelog/sync-protocol"
import type * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import type { EventLogService, ReadError } from "./EventLog.ts"
import type { Tail } from "./Tail.ts"

/**
 * Where the log ends.
 *
 * @since 0.1.0
 * @category models
 */
export interface Head {
  /** Reads it, and corrects what is remembered. */
  readonly read: Effect.Effect<LogEvent.SeqNum, ReadError>

  /**
   * The same, for those who need no answer of their own: all who ask at a time share one, and one that
   * has just come will do.
   */
  readonly confirm: Effect.Effect<void, ReadError>

  /** How many answers have come. */
  readonly answers: () => number

  /** As `confirm`, by an answer that has come after so many. */
  readonly confirmAfter: (answers: number) => Effect.Effect<void, ReadError>

  /**
   * Takes what the log has told of its head by another way. `known`: the head that was remembered when it
   * was asked.
   */
  readonly told: (known: LogEvent.SeqNum, head: LogEvent.SeqNum) => Effect.Effect<void>
}

/** Milliseconds for which an answer will do: many pull at once after a restart. */
const RECENT = 100

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: {
  readonly log: Pick<EventLogService, "head">
  readonly tail: Pick<Tail, "head" | "correct">
  readonly clock: Clock.Clock
}): Head => {
  const { clock, log, tail } = options
  // The log was opened just now, and told its head.
  let toldAt = clock.unsafeCurrentTimeMillis()
  let answers = 0
  let asking: Deferred.Deferred<void, ReadError> | undefined

  const told: Head["told"] = (known, head) =>
    Effect.suspend(() => {
      const before = tail.head()
      const rest = tail.correct(known, head)
      return tail.head() < before ? Effect.zipRight(warnGoneBack(before, head), rest) : rest
    })

  const read = Effect.suspend(() => {
    const known = tail.head()
    const askedAt = clock.unsafeCurrentTimeMillis()
    return Effect.flatMap(log.head, (head) => {
      toldAt = askedAt
      answers += 1
      return Effect.as(told(known, head), head)
    })
  })

  const askOnce = Effect.suspend(() => {
    const answer = Deferred.unsafeMake<void, ReadError>(FiberId.none)
    asking = answer
    return Effect.asVoid(read).pipe(
      Effect.onExit((exit) => {
        asking = undefined
        return Deferred.done(answer, exit)
      }),
      // Others wait for it.
      Effect.uninterruptible
    )
  })

  const ask = Effect.suspend(() => (asking === undefined ? askOnce : Deferred.await(asking)))

  return {
    read,
    told,
    answers: () => answers,
    confirmAfter: (known) => Effect.suspend(() => (answers > known ? Effect.void : ask)),
    confirm: Effect.suspend(() =>
      asking === undefined && clock.unsafeCurrentTimeMillis() - toldAt < RECENT ? Effect.void : ask
    )
  }
}

const warnGoneBack = (known: LogEvent.SeqNum, head: LogEvent.SeqNum) =>
  Effect.logWarning("the log has lost its latest events: was the database restored?").pipe(
    Effect.annotateLogs({ known, head })
  )
