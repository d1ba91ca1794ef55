/**
 * How long to wait before the next attempt to connect.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type { Timings } from "./Timings.ts"

/**
 * The settings of the backoff.
 *
 * @since 0.1.0
 * @category models
 */
export type Backoff = Pick<Timings, "backoffFirst" | "backoffMax">

/**
 * The longest wait after so many failures in a row: nothing after none, then `backoffFirst`, doubled
 * with every further failure, up to `backoffMax`.
 *
 * @since 0.1.0
 * @category delays
 */
export const ceiling = (backoff: Backoff, failures: number): Duration.Duration =>
  failures === 0
    ? Duration.zero
    : Duration.min(
        // Doubled 40 times a millisecond is 35 years: beyond any maximum, and still a number.
        Duration.times(backoff.backoffFirst, 2 ** Math.min(failures - 1, 40)),
        backoff.backoffMax
      )

/**
 * A random wait up to the ceiling, so that the clients of a server that restarts do not come back
 * all at once ("full jitter").
 *
 * @since 0.1.0
 * @category delays
 */
export const delay = (backoff: Backoff, failures: number): Effect.Effect<Duration.Duration> =>
  Effect.map(Random.next, (share) => Duration.times(ceiling(backoff, failures), share))
