/**
 * How long to wait before the next attempt to connect.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type { Millis } from "./Timings.ts"

/**
 * The settings of the backoff, in ms.
 *
 * @since 0.1.0
 * @category models
 */
export type Backoff = Pick<Millis, "backoffFirst" | "backoffMax">

/**
 * The longest wait after so many failures in a row, in ms: nothing after none, then `backoffFirst`,
 * doubled with every further failure, up to `backoffMax`.
 *
 * @since 0.1.0
 * @category delays
 */
export const ceiling = (backoff: Backoff, failures: number): number =>
  failures === 0 ? 0 : Math.min(backoff.backoffFirst * 2 ** (failures - 1), backoff.backoffMax)

/**
 * A random wait up to the ceiling, in whole ms, so that the clients of a server that restarts do not
 * come back all at once ("full jitter").
 *
 * @since 0.1.0
 * @category delays
 */
export const delay = (backoff: Backoff, failures: number): Effect.Effect<number> =>
  upTo(ceiling(backoff, failures))

/**
 * A random wait up to so many ms, in whole ms.
 *
 * @since 0.1.0
 * @category delays
 */
export const upTo = (most: number): Effect.Effect<number> =>
  Effect.map(Random.next, (share) => Math.ceil(share * most))
