/**
 * A proxy on the way to a server, as some networks have one: what it does with WebSockets is the test's to say.
 * Other requests it lets through.
 */
import type { Socket } from "node:net"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Cable from "./Cable.ts"
import type { HarnessError } from "./HarnessError.ts"

/**
 * - `pass`: lets them through.
 * - `refuse`: answers an upgrade with an error.
 * - `drop`: ends its connection without a word.
 * - `mute`: lets it be answered, and no frame through after that.
 */
export type Upgrades = "pass" | "refuse" | "drop" | "mute"

export interface UpgradeProxy {
  /** Where clients find it, on 127.0.0.1. */
  readonly port: number
  /** From now on, and for the sockets that are open. */
  readonly setUpgrades: (upgrades: Upgrades) => void
  /** How many upgrades were asked for. */
  readonly upgrades: () => number
}

const REFUSAL = "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"

export const make = (target: number): Effect.Effect<UpgradeProxy, HarnessError, Scope.Scope> =>
  Effect.gen(function* () {
    const upgraded = new Set<Socket>()
    let upgrades: Upgrades = "pass"
    let count = 0

    const { port } = yield* Cable.make(target, (near, far) => {
      let isMute = false
      near.on("close", () => upgraded.delete(near))
      // A connection may have been used for other requests before. The head of each comes in one piece here.
      near.on("data", (data: Buffer) => {
        if (/^upgrade: *websocket\r$/im.test(data.toString("latin1"))) {
          count += 1
          upgraded.add(near)
          if (upgrades === "drop") near.destroy()
          if (upgrades === "refuse") near.end(REFUSAL)
          if (upgrades === "drop" || upgrades === "refuse") return
          isMute = upgrades === "mute"
        } else if (isMute) return
        far.write(data)
      })
      far.on("data", (data: Buffer) => {
        // Behind the head of its answer may be frames.
        near.write(isMute ? data.subarray(0, data.indexOf("\r\n\r\n") + 4) : data)
      })
    })

    return {
      port,
      setUpgrades: (next) => {
        upgrades = next
        for (const socket of upgraded) socket.destroy()
      },
      upgrades: () => count
    }
  })
