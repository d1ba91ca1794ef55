/**
 * What ends a connection by itself: its authorisation runs out, or it has no pull for too long.
 *
 * @since 0.1.0
 */
import { Handshake } from "@tidelog/sync-protocol"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { ConnectionState, Session } from "./Connection.ts"

/**
 * Why a connection is at its end.
 *
 * @since 0.1.0
 * @category models
 */
export interface Ending {
  readonly code: number
  readonly reason: string
}

/**
 * @since 0.1.0
 * @category models
 */
export type Times = Pick<Session, "expiresAt"> & Pick<ConnectionState, "pullBy">

/**
 * When a connection has to be looked at: milliseconds since the epoch, endless if never.
 *
 * @since 0.1.0
 * @category operations
 */
export const next = ({ expiresAt, pullBy }: Times): number =>
  Math.min(expiresAt ?? Number.POSITIVE_INFINITY, pullBy ?? Number.POSITIVE_INFINITY)

/**
 * When a connection that has just been at work has to have a pull (SPEC: LIMIT-9): milliseconds since
 * the epoch. Rounded up to a sixteenth of the time it has, so that not every push of a connection
 * without a pull writes down another one.
 *
 * @since 0.1.0
 * @category operations
 */
export const pullBy = (now: number, pullDeadline: number): number => {
  const step = Math.max(1, Math.floor(pullDeadline / 16))
  const time = now + pullDeadline
  return Number.isFinite(time) ? Math.ceil(time / step) * step : time
}

const isOver = ({ expiresAt }: Pick<Session, "expiresAt">, now: number): boolean =>
  expiresAt !== undefined && expiresAt <= now

/**
 * Whether the authorisation of a connection has run out (SPEC: AUTH-8). Asked for each reader of each
 * event, so the clock is only asked if there is something to compare.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isExpired = (session: Pick<Session, "expiresAt">, clock: Clock.Clock): boolean =>
  session.expiresAt !== undefined && isOver(session, clock.unsafeCurrentTimeMillis())

/**
 * The end of a connection, if it has come (SPEC: AUTH-8, LIMIT-9).
 *
 * @since 0.1.0
 * @category operations
 */
export const ending = (times: Times, now: number): Ending | undefined => {
  if (isOver(times, now)) return expired
  return times.pullBy !== undefined && times.pullBy <= now ? unused : undefined
}

/**
 * Looks at many connections: what is at its end is given to `end`. When to look again: milliseconds
 * since the epoch, endless if never.
 *
 * @since 0.1.0
 * @category operations
 */
export const sweep = <Item extends { readonly times: Times }, R>(
  items: Iterable<Item>,
  end: (item: Item, ending: Ending) => Effect.Effect<void, never, R>
): Effect.Effect<number, never, R> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const ends: Array<Effect.Effect<void, never, R>> = []
    let again = Number.POSITIVE_INFINITY
    for (const item of items) {
      const reached = ending(item.times, now)
      if (reached === undefined) again = Math.min(again, next(item.times))
      else ends.push(end(item, reached))
    }
    return Effect.as(Effect.all(ends, { discard: true }), again)
  })

/**
 * @since 0.1.0
 * @category constants
 */
export const expired: Ending = {
  code: Handshake.CloseCode.unauthorized,
  reason: "the authorisation has expired"
}

const unused: Ending = {
  code: Handshake.CloseCode.policyViolation,
  reason: "no pull is open; please connect again"
}
