/**
 * The network between one browser and one server: a TCP proxy that can be cut.
 *
 * A browser's own offline switch leaves the sockets of its workers open; a cut cable does not.
 */
import { connect, createServer, type Socket } from "node:net"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { HarnessError } from "./HarnessError.ts"

export interface Cable {
  /** Where the browser plugs in, on 127.0.0.1. */
  readonly port: number
  /** Breaks every connection, and each new one at once. */
  readonly cut: Effect.Effect<void>
  /** Lets connections through again. */
  readonly mend: Effect.Effect<void>
}

/** A cable to `target` on 127.0.0.1, for as long as the scope is open. Nothing need listen there yet. */
export const make = (target: number): Effect.Effect<Cable, HarnessError, Scope.Scope> =>
  Effect.gen(function* () {
    const sockets = new Set<Socket>()
    let whole = true

    // `destroy`, never `resetAndDestroy`: a reset of a socket that is just shutting down leaks it,
    // and Node 24 then spins for ever when it exits.
    const track = (socket: Socket, peer: Socket) => {
      sockets.add(socket)
      socket.on("error", () => peer.destroy())
      socket.on("close", () => sockets.delete(socket))
    }

    const server = createServer((near) => {
      if (!whole) {
        near.on("error", () => undefined).destroy()
        return
      }
      const far = connect(target, "127.0.0.1")
      track(near, far)
      track(far, near)
      near.pipe(far)
      far.pipe(near)
    })

    const cut = Effect.sync(() => {
      whole = false
      for (const socket of sockets) socket.destroy()
    })

    const mend = Effect.sync(() => {
      whole = true
    })

    const port = yield* Effect.acquireRelease(
      Effect.async<number, HarnessError>((resume) => {
        server.on("error", (cause) =>
          resume(new HarnessError({ message: "the cable has no port", cause }))
        )
        server.listen(0, "127.0.0.1", () => {
          const address = server.address()
          if (typeof address === "object" && address !== null) resume(Effect.succeed(address.port))
        })
      }),
      () =>
        Effect.zipRight(
          cut,
          Effect.async<void>((resume) => void server.close(() => resume(Effect.void)))
        )
    )

    return { port, cut, mend }
  })
