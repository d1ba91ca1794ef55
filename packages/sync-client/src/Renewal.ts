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
        const at = now() + millis - Math.min(options.before, millis / 2)
        if (at >= due) return
        due = at
        told.unsafeOpen()
      }
    })
  })
