import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"

/** What a function of the app's own may return: a value, now or later. `R`: what its Effect needs. */
export type UserResult<A, R = never> = A | Promise<A> | Effect.Effect<A, unknown, R>

/**
 * A function of the app's own said no, with `error`: it threw, its Promise rejected, or its Effect
 * failed. To throw is how a plain function says no, so whatever it throws counts as said.
 */
export class UserCodeFailure extends Data.TaggedError("UserCodeFailure")<{
  readonly error: unknown
}> {}

/**
 * An Effect of the app's own died, as by a throw inside of it, or interrupted itself: nobody meant
 * that to be read.
 */
export class UserCodeDefect extends Data.TaggedError("UserCodeDefect")<{
  readonly cause: Cause.Cause<never>
}> {}

export type UserCodeError = UserCodeFailure | UserCodeDefect

const toFailure = (error: unknown) => new UserCodeFailure({ error })

/** Runs a function of the app's own, whichever way it is written, and whichever way it ends. */
export const runUserCode = <A, R = never>(
  evaluate: () => UserResult<A, R>
): Effect.Effect<A, UserCodeError, R> =>
  Effect.try({ try: evaluate, catch: toFailure }).pipe(
    Effect.flatMap((result) => settle(result)),
    // An interruption of its own making ends no more than this function.
    Effect.catchAllCause((cause) =>
      Either.match(Cause.failureOrCause(cause), {
        onLeft: (failure): Effect.Effect<never, UserCodeError> => failure,
        onRight: (defect) => new UserCodeDefect({ cause: defect })
      })
    )
  )

/**
 * As `runUserCode`, for a function that may say no. To answer `false`, an error or a `Response` is meant as a no,
 * and is one; but it has no words for a client, so it counts as a defect.
 */
export const runRule = <A, R = never>(
  evaluate: () => UserResult<A, R>
): Effect.Effect<A, UserCodeError, R> =>
  Effect.filterOrElse(
    runUserCode(evaluate),
    (answer) => !isSilentNo(answer),
    () => new UserCodeDefect({ cause: Cause.die(new TypeError(SILENT_NO)) })
  )

const isSilentNo = (answer: unknown): boolean =>
  answer === false || answer instanceof Error || answer instanceof Response

const SILENT_NO =
  "to refuse, a rule throws or fails, with what its client may read. That it returned false, an error or a"
  + " Response was taken as a refusal without words"

/** Until there is a value: also what a Promise brings may be an Effect, by an `async` before it. */
const settle = <A, R>(result: UserResult<A, R>): Effect.Effect<A, UserCodeFailure, R> => {
  // @effect-diagnostics-next-line anyUnknownInErrorContext:off
  if (isOwnEffect(result)) return Effect.mapError(result, toFailure)
  if (isThenable(result)) {
    return Effect.flatMap(
      Effect.tryPromise({ try: () => Promise.resolve(result), catch: toFailure }),
      (settled) => settle<A, R>(settled)
    )
  }
  return isGenerator(result) ? Effect.die(new TypeError(GENERATOR)) : Effect.succeed(result)
}

/** Nobody has run it, so it has said nothing, least of all yes. */
const isGenerator = (result: unknown): boolean =>
  Predicate.hasProperty(result, Symbol.iterator)
  && Predicate.hasProperty(result, "next")
  && typeof result.next === "function"

const GENERATOR = "a function* is no answer by itself: wrap it in Effect.gen or Effect.fn"

/** Whatever `await` would wait for: not only Promises answer later. */
const isThenable = <A, R>(result: UserResult<A, R>): result is Promise<A> =>
  Predicate.hasProperty(result, "then") && typeof result.then === "function"

/** `Effect.isEffect`, which by itself forgets what an Effect needs and gives. */
const isOwnEffect = <A, R>(result: UserResult<A, R>): result is Effect.Effect<A, unknown, R> =>
  Effect.isEffect(result)

/** Characters of an error's words: they travel to a client, and to the log. */
const MAX_WORDS = 1_000

/**
 * What an error says of itself: a text as it is, a `message`, or else a name that its kind has.
 * `undefined` if it says nothing, or cannot be asked.
 */
export const wordsOf = (error: unknown): string | undefined =>
  Option.getOrUndefined(Option.liftThrowable(readWords)(error))

const readWords = (error: unknown): string | undefined => {
  if (Predicate.isString(error)) return error === "" ? undefined : error.slice(0, MAX_WORDS)
  for (const key of ["message", "_tag", "name"] as const) {
    const words = Predicate.hasProperty(error, key) ? error[key] : undefined
    if (Predicate.isString(words) && words !== "") return words.slice(0, MAX_WORDS)
  }
  return undefined
}
