/**
 * The network between one client and the server: a TCP proxy that is cut when the test says so, or when the server
 * says something.
 */
import { connect, createServer, type Socket } from "node:net"
import { HarnessError } from "@tidelog/e2e/src/HarnessError.ts"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

export interface Cable {
  /** Where the client plugs in, on 127.0.0.1. */
  readonly port: number
  /** Breaks every connection, and each new one at once. */
  readonly cut: () => void
  /** Lets connections through again. */
  readonly mend: () => void
  /** Connections stay open, and nothing of what is sent over them arrives any more. New ones work. */
  readonly freeze: () => void
  /**
   * Breaks the connection on which the server says this, before the client hears it: that many times.
   */
  readonly cutAt: (said: string, times: number) => void
  /** How often that has happened. */
  readonly cuts: () => number
}

export const make = (target: number): Effect.Effect<Cable, HarnessError, Scope.Scope> =>
  Effect.gen(function* () {
    const sockets = new Set<Socket>()
    let whole = true
    let trap = { said: "", times: 0 }
    let cuts = 0
    const freezing = new Set<() => void>()

    // `destroy`, never `resetAndDestroy`: a reset of a socket that is just shutting down leaks it,
    // and Node 24 then spins for ever when it exits.
    const track = (socket: Socket, peer: Socket) => {
      sockets.add(socket)
      socket.on("error", () => peer.destroy())
      socket.on("close", () => {
        sockets.delete(socket)
        peer.destroy()
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
      // Text that is compressed could not be read here.
      let frozen = false
      freezing.add(() => {
        frozen = true
        near.unpipe(far)
        near.resume()
      })
      near.once("data", (request: Buffer) => {
        far.write(
          request.toString("latin1").replace(/^sec-websocket-extensions:.*\r\n/im, ""),
          "latin1"
        )
        near.pipe(far)
      })
      far.on("data", (data: Buffer) => {
        if (frozen) return
        if (trap.times > 0 && data.includes(trap.said)) {
          trap.times -= 1
          cuts += 1
          near.destroy()
          far.destroy()
        } else near.write(data)
      })
    })

    const cut = () => {
      whole = false
      for (const socket of sockets) socket.destroy()
    }

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
        Effect.async<void>((resume) => {
          cut()
          server.close(() => resume(Effect.void))
        })
    )

    return {
      port,
      cut,
      mend: () => {
        whole = true
      },
      freeze: () => {
        for (const freeze of freezing) freeze()
        freezing.clear()
      },
      cutAt: (said, times) => {
        trap = { said, times }
      },
      cuts: () => cuts
    }
  })
