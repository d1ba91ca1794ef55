/**
 * The pace of those who catch up: they take turns, so that whatever else comes is served in between,
 * and while clients push they share a number of bytes a second. A page takes the object's only thread
 * for as long as several pushes do: without this, a crowd of new clients would stop everybody's writes.
 *
 * @since 0.1.0
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Turns from "./internal/turns.ts"

/**
 * @since 0.1.0
 * @category models
 */
export interface Pace {
  /** A push was stored: turns are as far apart as their bytes ask for, unless none follows soon. */
  readonly pushed: () => void

  /** Sends something when its turn has come. `send`: the bytes that were sent. */
  readonly inTurn: <E>(send: Effect.Effect<number, E>) => Effect.Effect<void, E>
}

/** Milliseconds in which whoever pushes as fast as it can, and is near, has pushed again. */
const BUSY = 10

/** Turns at the same time: while the database reads for one, another is sent what it gave. */
const TURNS = 2

/**
 * Events that a push of LiveStore has at most. A pull that is not further behind follows what is
 * pushed; one that is, catches up.
 *
 * @since 0.1.0
 * @category constants
 */
export const NEAR = 100

/**
 * Chunks on their way to a pull that catches up. What its reader has not taken yet lies in the object's
 * memory, so few large ones are enough.
 *
 * @since 0.1.0
 * @category constants
 */
export const MAX_IN_FLIGHT = 2

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: {
  readonly clock: Clock.Clock
  readonly bytesPerSecond: number
}): Pace => {
  const { bytesPerSecond, clock } = options
  const turns = Turns.make(TURNS)
  let busyUntil = Number.NEGATIVE_INFINITY
  let nextAt = Number.NEGATIVE_INFINITY

  const isBusy = (now: number) => now < busyUntil

  // Also if it is now: frames that have come meanwhile are handled first.
  const untilNext = Effect.suspend(() => {
    const now = clock.unsafeCurrentTimeMillis()
    return Effect.sleep(isBusy(now) ? Math.max(0, nextAt - now) : 0)
  })

  const charge = (bytes: number) => {
    const now = clock.unsafeCurrentTimeMillis()
    // What was sent while nobody pushed is not owed.
    nextAt = (isBusy(now) ? Math.max(nextAt, now) : now) + (bytes / bytesPerSecond) * 1_000
  }

  return {
    pushed: () => {
      busyUntil = clock.unsafeCurrentTimeMillis() + BUSY
    },
    inTurn: (send) => turns.inTurn(Effect.map(Effect.zipRight(untilNext, send), charge))
  }
}
