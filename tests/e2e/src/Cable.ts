/**
 * The network between one client and one server: a TCP proxy that can be cut.
 *
 * A browser's own offline switch leaves the sockets of its workers open; a cut cable does not.
 */
import { connect, createServer, type Socket } from "node:net"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { HarnessError } from "./HarnessError.ts"

export interface Cable {
  /** Where the client plugs in, on 127.0.0.1. */
  readonly port: number
  /** Breaks every connection, and each new one at once. */
  readonly cut: Effect.Effect<void>
  /** Lets connections through again. */
  readonly mend: Effect.Effect<void>
}

/** Carries what is said over one connection from either end to the other. */
export type Carry = (near: Socket, far: Socket) => void

const pipe: Carry = (near, far) => {
  near.pipe(far)
  far.pipe(near)
}

/**
 * A cable to `target` on 127.0.0.1, for as long as the scope is open. Nothing need listen there yet.
 * `carry`: who wants to read along, or to interfere.
 */
export const make = (
  target: number,
  carry: Carry = pipe
): Effect.Effect<Cable, HarnessError, Scope.Scope> =>
  Effect.gen(function* () {
    const sockets = new Set<Socket>()
    let whole = true

    // `destroy`, never `resetAndDestroy`: a reset of a socket that is just shutting down leaks it,
    // and Node 24 then spins for ever when it exits.
    const track = (socket: Socket, peer: Socket) => {
      sockets.add(socket)
      socket.on("error", () => peer.destroy())
      socket.on("close", () => {
        sockets.delete(socket)
        // Once it has sent what it was given.
        peer.destroySoon()
      })
    }

    const server = createServer((near) => {
      if (!whole) {
        near.on("error", () => undefined).destroy()
        return
      }
      const far = connect(target, "127.0.0.1")
      track(near, far)
      track(far, near)
      carry(near, far)
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
