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
 * `unkept`: tokens taken since it was last kept.
 *
 * @since 0.1.0
 * @category models
 */
export type Level = { -readonly [Key in keyof Bucket]: Bucket[Key] } & { unkept: number }

/**
 * A bucket as it was kept, or a full one.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (rate: Rate, now: number, kept?: Bucket): Level => ({
  tokens: kept?.tokens ?? rate.burst,
  at: kept?.at ?? now,
  unkept: 0
})

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
  // An endless rate fills nothing in no time, where the product would be no number.
  const filled = now > level.at ? (now - level.at) * (rate.perSecond / 1_000) : 0
  level.tokens = Math.min(rate.burst, level.tokens + filled)
  level.at = now
  const cost = Math.min(count, rate.burst)
  if (level.tokens < cost) return false
  level.tokens -= cost
  level.unkept += cost
  return true
}

/**
 * Whether it is worth keeping what is left: a sixteenth of a full bucket was taken since the last
 * time. Whatever is lost with the memory is less than that.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isWorthKeeping = ({ unkept }: Level, { burst }: Rate): boolean => 16 * unkept >= burst

/**
 * What is left, to be kept now.
 *
 * @since 0.1.0
 * @category conversions
 */
export const keep = (level: Level): Bucket => {
  level.unkept = 0
  return { tokens: level.tokens, at: level.at }
}
