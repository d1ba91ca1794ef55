import * as Data from "effect/Data"
import * as Effect from "effect/Effect"

/** A server did something that no speed makes up for: `message` says what. */
export class WrongResult extends Data.TaggedError("WrongResult")<{ readonly message: string }> {}

/** Runs work that rejects with a {@link WrongResult}; whatever else it rejects with is one too. */
export const wrong = <A>(run: () => Promise<A>): Effect.Effect<A, WrongResult> =>
  Effect.tryPromise({
    try: run,
    catch: (cause) =>
      cause instanceof WrongResult ? cause : new WrongResult({ message: String(cause) })
  })
