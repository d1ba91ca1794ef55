/**
 * Before LiveStore discards its log because the server's is another one, what is not confirmed is offered to the
 * app.
 *
 * @since 0.1.0
 */
import type * as LogEvent from "@tidelog/sync-protocol/LogEvent"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import { evaluate } from "./internal/evaluate.ts"

/**
 * Takes the events, ascending, numbered as they were to follow the log that is gone. What it promises or succeeds
 * with is waited for, for at most 10 s.
 *
 * @since 0.1.0
 * @category models
 */
export type OnUnconfirmed = (events: ReadonlyArray<LogEvent.LogEvent>) => unknown

const AT_MOST = "10 seconds"

/**
 * Offers, once, what `unconfirmed` then is, if it is something. Whoever asks again waits for the same. Never
 * fails: what goes wrong in the app is logged.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  onUnconfirmed: OnUnconfirmed | undefined,
  unconfirmed: Effect.Effect<ReadonlyArray<LogEvent.LogEvent>>
): Effect.Effect<Effect.Effect<void>> =>
  Effect.cached(
    Effect.gen(function* () {
      const events = yield* unconfirmed
      if (events.length === 0) return
      yield* Effect.annotateLogs(
        Effect.logWarning("the server's log is another one: some events are not in it"),
        { events: events.length }
      )
      const outcome = yield* evaluate(() => onUnconfirmed?.(events)).pipe(
        Effect.disconnect,
        Effect.timeoutOption(AT_MOST),
        Effect.map(Option.getOrElse(() => Exit.fail("it took too long")))
      )
      if (Exit.isFailure(outcome)) yield* Effect.logError("onUnconfirmed failed", outcome.cause)
    })
  )
