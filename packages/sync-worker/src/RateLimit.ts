/**
 * A rate with room for bursts: a bucket of tokens that fills by the second.
 *
 * @since 0.1.0
 */
import type { Limits } from "@tidelog/sync-protocol"
import type { Bucket } from "./Connection.ts"

/**
 * `burst`: tokens that a full bucket holds.
 *
 * @since 0.1.0
 * @category models
 */
export interface Rate {
  readonly perSecond: number
  readonly burst: number
}

/**
 * The rates of a connection.
 *
 * @since 0.1.0
 * @category constructors
 */
export const ofLimits = (
  limits: Limits.LimitsService
): { readonly frames: Rate; readonly events: Rate } => ({
  frames: { perSecond: limits.framesPerSecond, burst: limits.frameBurst },
  events: { perSecond: limits.eventsPerSecond, burst: limits.eventBurst }
})

/**
 * A bucket in use. Mutable, so that a frame costs no allocation.
 *
 * @since 0.1.0
 * @category models
 */
export type Level = { -readonly [Key in keyof Bucket]: Bucket[Key] }

/**
 * @since 0.1.0
 * @category constructors
 */
export const full = (rate: Rate, now: number): Level => ({ tokens: rate.burst, at: now })

/**
 * Takes tokens out of a bucket. Whether it held as many; if not, none are taken. More than a full
 * bucket holds counts as all of it: what a limit of another kind lets through is not refused for
 * ever.
 *
 * `now`: milliseconds since the epoch. A clock that went back fills nothing.
 *
 * @since 0.1.0
 * @category operations
 */
export const take = (level: Level, rate: Rate, count: number, now: number): boolean => {
  const filled = Math.max(0, now - level.at) * (rate.perSecond / 1_000)
  level.tokens = Math.min(rate.burst, level.tokens + filled)
  level.at = now
  const cost = Math.min(count, rate.burst)
  if (level.tokens < cost) return false
  level.tokens -= cost
  return true
}

/**
 * How full a bucket is, in sixteenths: it is worth keeping when that changes.
 *
 * @since 0.1.0
 * @category operations
 */
export const sixteenths = ({ tokens }: Bucket, { burst }: Rate): number =>
  Math.floor((16 * tokens) / burst)

/**
 * Puts a token back that was taken for nothing.
 *
 * @since 0.1.0
 * @category operations
 */
export const giveBack = (level: Level, rate: Rate): void => {
  level.tokens = Math.min(rate.burst, level.tokens + 1)
}
