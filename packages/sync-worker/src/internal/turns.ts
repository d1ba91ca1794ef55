import * as Effect from "effect/Effect"

/**
 * Turns: so many effects run at a time, the others after them, first come first served.
 *
 * A semaphore of Effect wakes everybody who waits whenever somebody is done, and whoever comes in between
 * goes first. Here a turn is handed on to the one who has waited longest, and costs nothing while
 * nobody waits.
 */
export interface Turns {
  /** Runs an effect when its turn has come. One that was interrupted meanwhile lets it pass. */
  readonly inTurn: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

  /** How many wait. */
  readonly waiting: () => number
}

export const make = (atATime: number): Turns => {
  let free = atATime
  /** The first has waited longest. */
  const waiting = new Set<() => void>()

  const handOn = Effect.sync(() => {
    for (const wake of waiting) {
      waiting.delete(wake)
      return wake()
    }
    free += 1
  })

  const wait = Effect.async<void>((resume) => {
    waiting.add(() => resume(Effect.void))
  })

  return {
    waiting: () => waiting.size,
    // Waiting is not interrupted: a turn that was handed on to nobody would be lost.
    inTurn: (effect) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.suspend(() => {
          const turn = Effect.ensuring(restore(effect), handOn)
          if (free === 0) return Effect.zipRight(wait, turn)
          free -= 1
          return turn
        })
      )
  }
}
