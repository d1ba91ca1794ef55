/** A promise of the other side's, with a deadline. */
import * as Effect from "effect/Effect"
import * as SyncSocket from "../SyncSocket.ts"

/** `within`: ms. What was thrown is not told: it may quote the URL, and with it the payload. */
export const attempt = <A>(
  within: number,
  run: () => Promise<A>
): Effect.Effect<A, SyncSocket.ConnectionEnd> =>
  Effect.tryPromise({ try: run, catch: () => SyncSocket.lost("the server was not reached") }).pipe(
    Effect.timeoutFail({
      duration: within,
      onTimeout: () => SyncSocket.lost("the server did not answer")
    })
  )
