import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"

/**
 * Does one thing at a time: whoever wants it while it is being done waits for the same, and who leaves does not
 * end it. It has `within` ms, or fails; one that cannot be interrupted is left to itself then.
 */
export const shared = <A, E>(
  make: Effect.Effect<A, E>,
  options: { readonly within: number; readonly onTimeout: () => E }
): Effect.Effect<Effect.Effect<A, E>, never, Scope.Scope> =>
  Effect.map(Effect.scope, (scope) => {
    let present: Fiber.RuntimeFiber<A, E> | undefined
    const start = make.pipe(
      Effect.disconnect,
      Effect.timeoutFail({ duration: options.within, onTimeout: options.onTimeout }),
      Effect.forkIn(scope),
      Effect.tap((started) => {
        present = started
      })
    )
    return Effect.suspend(() =>
      present === undefined || present.unsafePoll() !== null ? start : Effect.succeed(present)
    ).pipe(
      // To join it would take over the services of whoever has started it.
      Effect.flatMap(Fiber.await),
      Effect.flatten
    )
  })
