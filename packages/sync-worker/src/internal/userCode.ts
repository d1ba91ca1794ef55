import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"

/** What a function of the app's own may return: a value, now or later. `R`: what its Effect needs. */
export type UserResult<A, R = never> = A | Promise<A> | Effect.Effect<A, unknown, R>

/** A function of the app's own threw, rejected, failed, died or gave up, with `cause`. */
export class UserCodeError extends Data.TaggedError("UserCodeError")<{
  readonly cause: unknown
}> {}

const toError = (cause: unknown) => new UserCodeError({ cause })

/** Runs a function of the app's own, whichever way it is written, and whichever way it ends. */
export const runUserCode = <A, R = never>(
  evaluate: () => UserResult<A, R>
): Effect.Effect<A, UserCodeError, R> =>
  Effect.try({ try: evaluate, catch: toError }).pipe(
    Effect.flatMap((result) => settle(result)),
    // A defect, or an interruption of its own making: it ends no more than this function.
    Effect.catchAllCause((cause) => {
      const error = Cause.squash(cause)
      return error instanceof UserCodeError ? error : toError(error)
    })
  )

const settle = <A, R>(result: UserResult<A, R>): Effect.Effect<A, UserCodeError, R> => {
  // @effect-diagnostics-next-line anyUnknownInErrorContext:off
  if (isOwnEffect(result)) return Effect.mapError(result, toError)
  if (Predicate.isPromise(result)) return Effect.tryPromise({ try: () => result, catch: toError })
  return Effect.succeed(result)
}

/** `Effect.isEffect`, which by itself forgets what an Effect needs and gives. */
const isOwnEffect = <A, R>(result: UserResult<A, R>): result is Effect.Effect<A, unknown, R> =>
  Effect.isEffect(result)
