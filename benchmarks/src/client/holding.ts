/**
 * Pages that wait for a push. LiveStore's leader interrupts its push at each page with events, and pushes
 * anew what is left: a page that comes while a push is on its way costs that push's answer.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Backend } from "./backends.ts"

/**
 * - `none`: pages are given as they come.
 * - `untilAnswer`: a page with events waits until the push on its way is answered, for at most `maxMs`.
 * - `pageFirst`: likewise, and the answer is then given only when LiveStore is done with the page, so
 *   that it does not begin a push which the page would interrupt at once.
 */
export interface Holding {
  readonly way: "none" | "untilAnswer" | "pageFirst"
  readonly maxMs: number
}

export const holding =
  ({ maxMs, way }: Holding) =>
  (backend: Backend): Backend => {
    if (way === "none") return backend
    /** Of the push on its way: done when it is answered, or was given up. */
    let answered: Deferred.Deferred<void> | undefined
    /** Of the page that waits or is at work: done when the leader asks for the next. */
    let handled: Deferred.Deferred<void> | undefined

    return {
      ...backend,
      push: (batch) =>
        Effect.gen(function* () {
          const mine = yield* Deferred.make<void>()
          answered = mine
          return yield* backend
            .push(batch)
            .pipe(
              Effect.ensuring(Deferred.succeed(mine, undefined)),
              Effect.zipLeft(
                Effect.suspend(() =>
                  way === "pageFirst" && handled !== undefined
                    ? Deferred.await(handled)
                    : Effect.void
                )
              )
            )
        }),
      pull: (cursor, options) =>
        backend.pull(cursor, options).pipe(
          Stream.rechunk(1),
          Stream.toPull,
          Effect.map((next) =>
            Effect.gen(function* () {
              if (handled !== undefined) yield* Deferred.succeed(handled, undefined)
              handled = undefined
              const pages = yield* next
              let events = 0
              for (const { batch } of pages) events += batch.length
              if (events > 0) {
                handled = yield* Deferred.make<void>()
                if (answered !== undefined) {
                  yield* Effect.ignore(Effect.timeout(Deferred.await(answered), maxMs))
                }
              }
              return pages
            })
          ),
          Stream.fromPull
        )
    }
  }
