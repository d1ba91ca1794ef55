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
 * Whose turn it is.
 *
 * @since 0.1.0
 * @category models
 */
export interface Pace {
  /** A push was stored. If another follows soon, those who catch up are held back until there is a pause. */
  readonly pushed: () => void

  /** Whether those who catch up are held back just now. */
  readonly isBusy: () => boolean

  /** Sends something when its turn has come. `send`: the bytes that were sent. */
  readonly inTurn: <E>(send: Effect.Effect<number, E>) => Effect.Effect<void, E>
}

/** Milliseconds in which whoever pushes as fast as it can, and is near, has pushed again. */
const BUSY = 10

/** Milliseconds until everybody who waits has had a turn, however little that leaves to the pushes. */
const PATIENCE = 10_000

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
 * Bytes on their way to one pull, at which no further chunk follows. Of large events, as many chunks as a
 * window has would be more than an object can hold for a few readers that are gone without a word.
 *
 * @since 0.1.0
 * @category constants
 */
export const MAX_BYTES_IN_FLIGHT = 4_000_000

/**
 * Bytes of a page for somebody who is held back. Small, so that many have their turn soon, and a push
 * does not wait long for one.
 *
 * @since 0.1.0
 * @category constants
 */
export const MAX_BUSY_PAGE_BYTES = 64_000

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: {
  readonly clock: Clock.Clock
  readonly bytesPerSecond: number
}): Pace => {
  const { bytesPerSecond, clock } = options
  const turns = Turns.make(1)
  let busyUntil = Number.NEGATIVE_INFINITY
  let last = { at: Number.NEGATIVE_INFINITY, bytes: 0 }

  const now = () => clock.unsafeCurrentTimeMillis()
  const isBusy = () => now() < busyUntil

  /** When the next may be sent. The more wait by then, the sooner. */
  const nextAt = () =>
    last.at + Math.min((last.bytes / bytesPerSecond) * 1_000, PATIENCE / (turns.waiting() + 1))

  const untilNext: Effect.Effect<void> = Effect.suspend(() => {
    // A pause ends the waiting as well, and a push meanwhile prolongs it.
    const millis = Math.min(nextAt(), busyUntil) - now()
    return millis > 0 ? Effect.zipRight(Effect.sleep(millis), untilNext) : Effect.void
  })

  return {
    pushed: () => {
      busyUntil = now() + BUSY
    },
    isBusy,
    inTurn: (send) =>
      // A sleep of no time as well: frames that have come meanwhile are handled first.
      turns.inTurn(
        Effect.sleep(0).pipe(
          Effect.zipRight(untilNext),
          Effect.zipRight(send),
          Effect.map((bytes) => {
            last = { at: now(), bytes }
          })
        )
      )
  }
}
