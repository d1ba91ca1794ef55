import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"

/**
 * Something that is started when it is first needed, and is there once at a time. A start that failed
 * is not kept: whoever comes next starts it again.
 */
export interface Activations<Key, Active, E> {
  /** What is there, without waiting. */
  readonly current: () => Active | undefined

  /** What is there or about to be, without starting it. */
  readonly pending: () => Effect.Effect<Active, E> | undefined

  /** What is there, started if it is not, or if its time is over. */
  readonly get: (key: Key) => Effect.Effect<Active, E>

  /**
   * Uses what is there for the last time: whoever asks for it meanwhile fails with `busy`, and
   * whoever asks afterwards starts it again.
   */
  readonly replace: <A, E2>(busy: E, use: Effect.Effect<A, E2>) => Effect.Effect<A, E2>
}

/**
 * `isOver`: whether what is there can be used no more. `end`: lets it go.
 */
export const make = <Key, Active, E>(options: {
  readonly start: (key: Key) => Effect.Effect<Active, E>
  readonly isOver: (active: Active) => boolean
  readonly end: (active: Active) => Effect.Effect<void>
}): Activations<Key, Active, E> => {
  const { end, isOver, start } = options
  let coming: Deferred.Deferred<Active, E> | undefined
  let current: Active | undefined

  const pending = () => (coming === undefined ? undefined : Deferred.await(coming))

  return {
    current: () => current,
    pending,
    get: (key) =>
      Effect.suspend(() => {
        const over = current !== undefined && isOver(current) ? current : undefined
        const awaited = pending()
        if (awaited !== undefined && over === undefined) return awaited
        const starting = Deferred.unsafeMake<Active, E>(FiberId.none)
        coming = starting
        current = undefined
        return (over === undefined ? Effect.void : end(over)).pipe(
          Effect.zipRight(start(key)),
          Effect.onExit((exit) => {
            if (Exit.isSuccess(exit)) current = exit.value
            else coming = undefined
            return Deferred.done(starting, exit)
          })
        )
      }),
    replace: (busy, use) =>
      Effect.suspend(() => {
        const replacing = Deferred.unsafeMake<Active, E>(FiberId.none)
        coming = replacing
        current = undefined
        return Effect.ensuring(
          use,
          Effect.suspend(() => {
            if (coming === replacing) coming = undefined
            return Deferred.fail(replacing, busy)
          })
        )
      })
  }
}
