import { createServer } from "node:net"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import { HarnessError } from "./HarnessError.ts"

/**
 * Where ports begin and end that no system gives to outgoing connections: those of other tests take theirs, between
 * that one is found free and that somebody listens on it.
 */
const FIRST = 10_000
const END = 32_000

/** A TCP port of the loopback interface that nobody listens on now. */
export const freePort: Effect.Effect<number, HarnessError> = Effect.flatMap(
  Random.nextIntBetween(FIRST, END),
  (port) =>
    Effect.async<number, HarnessError>((resume) => {
      const server = createServer()
      server.on("error", (cause) => resume(new HarnessError({ message: "no free port", cause })))
      server.listen(port, "127.0.0.1", () => {
        server.close(() => resume(Effect.succeed(port)))
      })
    })
).pipe(Effect.retry(Schedule.recurs(20)))
