/**
 * A push that the app's own rules refuse. Its caller repeats it for ever, and the rules may change: so it is
 * tried again now and then, instead of all the time, and whoever looks is told which it is.
 *
 * @since 0.1.0
 */
import type * as LogEvent from "@tidelog/sync-protocol/LogEvent"
import type * as Refusal from "@tidelog/sync-protocol/Refusal"
import * as Effect from "effect/Effect"
import { remaining } from "./internal/remaining.ts"
import type { PushFailure } from "./PendingPush.ts"
import type { EventTooLarge } from "./SyncClientError.ts"
import type { Rejection } from "./SyncStatus.ts"

/**
 * @since 0.1.0
 * @category models
 */
export interface RejectedPush {
  /**
   * Waits before a batch is pushed, if it begins with an event that was refused a moment ago; until its time has
   * come, or `retry` is told.
   */
  readonly before: (batch: ReadonlyArray<LogEvent.LogEvent>) => Effect.Effect<void>

  /** Takes in how a push has failed. `event`: the one that it is about, if it is about one. */
  readonly failed: (
    event: LogEvent.LogEvent | undefined,
    error: PushFailure | EventTooLarge
  ) => Effect.Effect<void>

  /** A push was accepted: nothing is in the way any more. */
  readonly accepted: () => void

  /**
   * A pull has delivered events. LiveStore gives a push up when its events come back, and its answer is nobody's
   * then.
   */
  readonly delivered: (events: ReadonlyArray<LogEvent.LogEvent>) => void

  /** Tries at once. */
  readonly retry: () => void
}

/**
 * `after`: ms between two tries. `onChange`: told what is refused, or that nothing is.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: {
  readonly after: number
  readonly onChange: (rejection: Rejection | undefined) => void
}): RejectedPush => {
  const { after, onChange } = options
  const retried = Effect.unsafeMakeLatch(false)
  let rejected: { readonly event: LogEvent.LogEvent; readonly at: number } | undefined

  const accepted = (): void => {
    if (rejected === undefined) return
    rejected = undefined
    onChange(undefined)
  }

  return {
    before: ([first]) =>
      Effect.clockWith((clock) => {
        if (rejected === undefined || first === undefined || !isAgain(rejected.event, first)) {
          return Effect.void
        }
        const now = clock.unsafeCurrentTimeMillis()
        const wait = remaining(after, { since: rejected.at, now })
        return wait === 0 ? Effect.void : Effect.raceFirst(Effect.sleep(wait), retried.await)
      }),
    failed: (event, error) =>
      Effect.clockWith((clock) => {
        const reason = error._tag === "EventTooLarge" ? error.message : reasonOf(error)
        if (reason !== undefined && event !== undefined) {
          retried.unsafeClose()
          rejected = { event, at: clock.unsafeCurrentTimeMillis() }
          onChange({ seqNum: event.seqNum, name: event.name, reason })
        }
        return Effect.void
      }),
    accepted,
    delivered: (events) => {
      const own = rejected?.event
      if (own !== undefined && events.some((event) => isOwn(own, event))) accepted()
    },
    retry: () => retried.unsafeOpen()
  }
}

/** The name of the server's refusal. */
const PUSH_REJECTED: Refusal.RefusalName = "PushRejected"

/**
 * Whether a rule of the app's has refused a push.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isRejection = (error: PushFailure | EventTooLarge): boolean =>
  error._tag !== "EventTooLarge" && reasonOf(error) !== undefined

const reasonOf = (error: PushFailure): string | undefined => {
  const cause = error._tag === "UnknownError" ? error.cause : undefined
  return cause instanceof Error && cause.name === PUSH_REJECTED ? cause.message : undefined
}

/** The same event, come back from the server. */
const isOwn = (self: LogEvent.LogEvent, that: LogEvent.LogEvent): boolean =>
  self.clientId === that.clientId && self.sessionId === that.sessionId && isAgain(self, that)

/** The same event, wherever others have moved it meanwhile. */
const isAgain = (self: LogEvent.LogEvent, that: LogEvent.LogEvent): boolean =>
  self.name === that.name && JSON.stringify(self.args) === JSON.stringify(that.args)
