import { inspect } from "node:util"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { HarnessError } from "./HarnessError.ts"

/** Longer than the client's longest pause between two attempts, with room for a machine that is busy. */
const deadline = Duration.seconds(60)

/**
 * Looks again and again until what it sees is accepted, and returns that.
 *
 * Past the deadline it fails with `what` was waited for, and what was seen last instead.
 */
export const eventually = <A, E, R>(
  what: string,
  look: Effect.Effect<A, E, R>,
  accepts: (seen: A) => boolean
): Effect.Effect<A, HarnessError, R> =>
  Effect.suspend(() => {
    let last: unknown = "nothing"
    const note = (seen: unknown) =>
      Effect.sync(() => {
        last = seen
      })
    return look.pipe(
      Effect.tapBoth({ onFailure: note, onSuccess: note }),
      Effect.filterOrFail(accepts),
      Effect.retry(Schedule.spaced("50 millis")),
      Effect.timeout(deadline),
      Effect.mapError(
        (cause) =>
          new HarnessError({
            message: `${what}: not within ${Duration.format(deadline)}; seen last: ${inspect(last)}`,
            cause
          })
      )
    )
  })
