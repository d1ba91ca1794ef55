import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"

/** An Effect that needs services has none here, and dies of that. */
const isOwnEffect = (made: unknown): made is Effect.Effect<unknown, Error> => Effect.isEffect(made)

/** What a function of the app's returns, promises or succeeds with, or how it failed. */
export const evaluate = (run: () => unknown): Effect.Effect<Exit.Exit<unknown, unknown>> =>
  Effect.try(run).pipe(
    Effect.flatMap((made) =>
      isOwnEffect(made) ? made : Effect.tryPromise(() => Promise.resolve(made))
    ),
    Effect.exit
  )
