import { createServer } from "node:net"
import * as Effect from "effect/Effect"
import { HarnessError } from "./HarnessError.ts"

/** A TCP port of the loopback interface that nobody listens on now. */
export const freePort = Effect.async<number, HarnessError>((resume) => {
  const server = createServer()
  server.on("error", (cause) => resume(new HarnessError({ message: "no free port", cause })))
  server.listen(0, "127.0.0.1", () => {
    const address = server.address()
    server.close(() =>
      resume(
        typeof address === "object" && address !== null
          ? Effect.succeed(address.port)
          : new HarnessError({ message: "a listening server has no port" })
      )
    )
  })
})
