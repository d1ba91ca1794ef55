/**
 * What a client does while WebSockets are blocked: it goes over HTTP, and tries a WebSocket again now and then.
 * Loaded only where it is needed.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as HttpSocket from "./HttpSocket.ts"
import { remaining } from "./internal/remaining.ts"

/**
 * @since 0.1.0
 * @category models
 */
export interface HttpFallback {
  /** Makes the connections meanwhile. */
  readonly construct: (url: string) => globalThis.WebSocket
  /**
   * The successor of a connection over HTTP: what `renewed` gives, or a WebSocket, whichever is first. `attempt`
   * is made until it succeeds: after a minute, then after twice as long each, up to ten minutes, and at once when
   * there is a network again. Interrupted and run anew, it goes on where it was.
   */
  readonly orBack: <A, E>(
    renewed: Effect.Effect<A>,
    attempt: Effect.Effect<A, E>
  ) => Effect.Effect<A>
}

/** In ms. */
const FIRST_WAIT = 60_000
const LONGEST_WAIT = 600_000

/**
 * `cameOnline`: opened when the device says that it has a network; closed when that has been heard.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  cameOnline: Effect.Latch,
  options?: HttpSocket.Options
): Effect.Effect<HttpFallback> =>
  Effect.gen(function* () {
    cameOnline.unsafeClose()
    const construct = yield* HttpSocket.make(options)
    let wait = FIRST_WAIT
    let since = yield* Clock.currentTimeMillis

    const again = <A, E>(attempt: Effect.Effect<A, E>): Effect.Effect<A> =>
      Effect.gen(function* () {
        const left = remaining(wait, { since, now: yield* Clock.currentTimeMillis })
        yield* Effect.raceFirst(Effect.sleep(left), cameOnline.await)
        cameOnline.unsafeClose()
        wait = Math.min(wait * 2, LONGEST_WAIT)
        since = yield* Clock.currentTimeMillis
        return yield* attempt
      }).pipe(Effect.eventually)

    return {
      construct,
      orBack: (renewed, attempt) => Effect.raceFirst(renewed, again(attempt))
    }
  })
