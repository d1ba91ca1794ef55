import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"

/** What a function of the app's own may return: a value, now or later. */
export type UserResult<A> = A | Promise<A> | Effect.Effect<A, unknown>

/** A function of the app's own threw, rejected, failed, died or gave up, with `cause`. */
export class UserCodeError extends Data.TaggedError("UserCodeError")<{
  readonly cause: unknown
}> {}

const toError = (cause: unknown) => new UserCodeError({ cause })

/** Runs a function of the app's own, whichever way it is written, and whichever way it ends. */
export const runUserCode = <A>(evaluate: () => UserResult<A>): Effect.Effect<A, UserCodeError> =>
  Effect.try({ try: evaluate, catch: toError }).pipe(
    Effect.flatMap((result) => settle(result)),
    // A defect, or an interruption of its own making: it ends no more than this function.
    Effect.catchAllCause((cause) => {
      const error = Cause.squash(cause)
      return error instanceof UserCodeError ? error : toError(error)
    })
  )

const settle = <A>(result: UserResult<A>): Effect.Effect<A, UserCodeError> => {
  // @effect-diagnostics-next-line anyUnknownInErrorContext:off
  if (isOwnEffect(result)) return Effect.mapError(result, toError)
  if (Predicate.isPromise(result)) return Effect.tryPromise({ try: () => result, catch: toError })
  return Effect.succeed(result)
}

/** `Effect.isEffect`, which by itself forgets what an Effect needs and gives. */
const isOwnEffect = <A>(result: UserResult<A>): result is Effect.Effect<A, unknown> =>
  Effect.isEffect(result)
