/**
 * How long to wait before the next attempt to connect.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as ScheduleDecision from "effect/ScheduleDecision"
import * as ScheduleIntervals from "effect/ScheduleIntervals"
import type { Millis } from "./Timings.ts"

/**
 * The waits of a client that is told of no others: a random time of up to `backoffFirst`, doubled with every
 * further failure, up to `backoffMax`. Random, so that the clients of a server that restarts do not come back
 * all at once ("full jitter").
 *
 * @since 0.1.0
 * @category schedules
 */
export const schedule = ({
  backoffFirst,
  backoffMax
}: Pick<Millis, "backoffFirst" | "backoffMax">): Schedule.Schedule<Duration.Duration> =>
  Schedule.exponential(backoffFirst).pipe(
    Schedule.modifyDelay((_, delay) => Duration.min(delay, backoffMax)),
    Schedule.jitteredWith({ min: 0, max: 1 })
  )

/**
 * A schedule, step by step.
 *
 * @since 0.1.0
 * @category models
 */
export interface Backoff {
  /** The next wait, in ms; `undefined` if the schedule is over. */
  readonly next: Effect.Effect<number | undefined>
  /** The next wait is the first again. */
  readonly reset: () => void
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (schedule: Schedule.Schedule<unknown>): Backoff => {
  let state: unknown = schedule.initial
  return {
    next: Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      const step = yield* Effect.exit(schedule.step(now, undefined, state))
      // One that throws is over.
      if (Exit.isFailure(step)) return undefined
      const [next, , decision] = step.value
      state = next
      return ScheduleDecision.isContinue(decision)
        ? Math.max(0, Math.ceil(ScheduleIntervals.start(decision.intervals) - now))
        : undefined
    }),
    reset: () => {
      state = schedule.initial
    }
  }
}

/**
 * A random wait up to so many ms, in whole ms.
 *
 * @since 0.1.0
 * @category delays
 */
export const upTo = (most: number): Effect.Effect<number> =>
  Effect.map(Random.next, (share) => Math.ceil(share * most))
