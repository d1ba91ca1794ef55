import * as Data from "effect/Data"
import * as Effect from "effect/Effect"

/** Something the tests need did not do what it should; `message` says what. */
export class HarnessError extends Data.TaggedError("HarnessError")<{
  readonly message: string
  readonly cause?: unknown
}> {}

/** Runs a promise; a rejection becomes a {@link HarnessError} that begins with `doing`. */
export const attempt = <A>(
  doing: string,
  promise: () => PromiseLike<A>
): Effect.Effect<A, HarnessError> =>
  Effect.tryPromise({
    try: promise,
    catch: (cause) => new HarnessError({ message: `${doing}: ${String(cause)}`, cause })
  })
