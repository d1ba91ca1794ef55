import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"

/** Work that nobody waits for, a few pieces at a time. */
export interface Background {
  /**
   * Puts a piece of work behind those that wait, or drops it if there are too many. It returns at
   * once and never throws.
   *
   * `onDrop`: run when it is dropped, if it is the first one since everything was done. `weight`: what
   * it holds in memory while it waits, in characters.
   */
  readonly offer: (work: Effect.Effect<void>, onDrop: Effect.Effect<void>, weight?: number) => void
}

/** Pieces at the same time. */
const MAX_RUNNING = 8

/** Pieces that wait. */
const MAX_WAITING = 1_000

/** Characters that they may hold together: the object has 128 MB for everything. */
const MAX_WEIGHT = 8_000_000

/**
 * A place for such work in the current scope. With nothing to do there is no fiber: one that waits
 * for work would be found by whoever asks whether the object can sleep.
 */
export const make: Effect.Effect<Background, never, Scope.Scope> = Effect.gen(function* () {
  const fork = yield* FiberSet.runtime(yield* FiberSet.make<void>())<never>()
  const waiting: Array<{ readonly work: Effect.Effect<void>; readonly weight: number }> = []
  let running = 0
  let weight = 0
  let dropping = false

  // Another turn than that of whoever offered: what they were about to send goes first.
  const worker = Effect.yieldNow().pipe(
    Effect.zipRight(
      Effect.whileLoop({
        while: () => waiting.length > 0,
        body: () => {
          const next = waiting.shift()
          weight -= next?.weight ?? 0
          return next?.work ?? Effect.void
        },
        step: () => {}
      })
    ),
    Effect.ensuring(
      Effect.sync(() => {
        running -= 1
        if (running === 0) dropping = false
      })
    )
  )

  return {
    offer: (work, onDrop, size = 0) => {
      if (waiting.length >= MAX_WAITING || weight + size > MAX_WEIGHT) {
        if (dropping) return
        dropping = true
        fork(onDrop)
        return
      }
      waiting.push({ work, weight: size })
      weight += size
      if (running >= MAX_RUNNING) return
      running += 1
      fork(worker)
    }
  }
})
