/**
 * A cable that is also cut when the server says something, or goes silent.
 */
import * as Cable from "@tidelog/e2e/src/Cable.ts"
import type { HarnessError } from "@tidelog/e2e/src/HarnessError.ts"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

export interface WatchedCable extends Cable.Cable {
  /** Connections stay open, and nothing of what is sent over them arrives any more. New ones work. */
  readonly freeze: Effect.Effect<void>
  /**
   * Breaks the connection on which the server says this, before the client hears it: that many times.
   */
  readonly cutAt: (said: string, times: number) => Effect.Effect<void>
  /** How often that has happened. */
  readonly cuts: Effect.Effect<number>
}

export const make = (target: number): Effect.Effect<WatchedCable, HarnessError, Scope.Scope> =>
  Effect.gen(function* () {
    let trap = { said: "", times: 0 }
    let cuts = 0
    const freezing = new Set<() => void>()

    const cable = yield* Cable.make(target, (near, far) => {
      let frozen = false
      freezing.add(() => {
        frozen = true
        near.unpipe(far)
        near.resume()
      })
      near.once("data", (request: Buffer) => {
        // Text that is compressed could not be read here.
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

    return {
      ...cable,
      freeze: Effect.sync(() => {
        for (const freeze of freezing) freeze()
        freezing.clear()
      }),
      cutAt: (said, times) =>
        Effect.sync(() => {
          trap = { said, times }
        }),
      cuts: Effect.sync(() => cuts)
    }
  })
