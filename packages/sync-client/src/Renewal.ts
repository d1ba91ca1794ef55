/**
 * A connection whose authorisation ends gets a successor before it does. The app never sees that.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"

/**
 * @since 0.1.0
 * @category models
 */
export interface Renewal<A> {
  /** The authorisation of the present connection ends in so many ms. The soonest that was told counts. */
  readonly expiresIn: (millis: number) => void
  /** Succeeds with the successor, once it is there. */
  readonly renewed: Effect.Effect<A>
}

/** Between two attempts to make a successor. */
const AGAIN_AFTER = "5 seconds"

/**
 * No connection is renewed sooner: a token may be the one that is there already, until it ends, and the clock of
 * whoever says when it ends may be another one.
 */
const LEAST = 5_000

/**
 * `before`: ms before the end that the successor is made; of a short life, half of it. `successor`: makes it. It
 * may fail, and is tried again for as long as the present connection lives.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <A, E>(options: {
  readonly before: number
  readonly successor: Effect.Effect<A, E>
}): Effect.Effect<Renewal<A>> =>
  Effect.clockWith((clock) => {
    const now = () => clock.unsafeCurrentTimeMillis()
    const startedAt = now()
    const told = Effect.unsafeMakeLatch(false)
    let due = Infinity

    const successor = Effect.eventually(
      Effect.tapError(options.successor, () => Effect.sleep(AGAIN_AFTER))
    )
    const renewed: Effect.Effect<A> = Effect.suspend(() => {
      told.unsafeClose()
      const isSooner = Effect.as(told.await, true)
      return due === Infinity
        ? isSooner
        : Effect.raceFirst(isSooner, Effect.as(Effect.sleep(due - now()), false))
    }).pipe(Effect.flatMap((isSooner) => (isSooner ? renewed : successor)))
    return Effect.succeed({
      renewed,
      expiresIn: (millis) => {
        // What is over already says nothing: the server has let it in.
        if (millis <= 0) return
        const at = now() + millis - Math.min(options.before, millis / 2)
        if (at >= due) return
        due = Math.max(at, startedAt + LEAST)
        told.unsafeOpen()
      }
    })
  })
