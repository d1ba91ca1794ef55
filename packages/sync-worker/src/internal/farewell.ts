import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"

/** How long the finalizers of a Layer may take. */
const DEADLINE = "10 seconds"

/**
 * Ends something that is not used any more. Nobody waits for it: its finalizers are the app's own, and may
 * hang, or die.
 */
export const letGo = (close: Effect.Effect<void>): Effect.Effect<void> =>
  close.pipe(
    Effect.disconnect,
    Effect.timeout(DEADLINE),
    Effect.catchAllCause((cause) => Effect.logError("a Layer could not be ended", cause)),
    Effect.provide(Logger.json),
    Effect.forkDaemon,
    Effect.asVoid
  )
