import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Logger, Option } from "effect"
import * as Salvage from "../src/Salvage.ts"
import { advance, events, settle } from "./TestSocket.ts"

/** What is logged, and at which level. */
const logged = () => {
  const lines: Array<string> = []
  const layer = Logger.replace(
    Logger.defaultLogger,
    Logger.make(({ logLevel, message }) => lines.push(`${logLevel.label} ${String(message)}`))
  )
  return { lines, layer }
}

describe("Salvage", () => {
  it.effect("[CLIENT-20] is offered once, whoever asks, and all wait for the app", () =>
    Effect.gen(function* () {
      const { layer, lines } = logged()
      const offered: Array<unknown> = []
      let keep = () => {}
      const salvage = yield* Salvage.make(
        (events) => {
          offered.push(events)
          return new Promise<void>((resolve) => {
            keep = resolve
          })
        },
        Effect.succeed(events(3, 5))
      )
      const asking = yield* Effect.fork(
        Effect.all([salvage, salvage], { concurrency: "unbounded", discard: true }).pipe(
          Effect.provide(layer)
        )
      )
      yield* settle
      expect(offered).toEqual([events(3, 5)])
      expect(yield* Fiber.poll(asking)).toEqual(Option.none())
      keep()
      yield* settle
      expect(yield* Fiber.join(asking)).toBeUndefined()
      yield* salvage
      expect(offered).toHaveLength(1)
      expect(lines).toEqual([expect.stringMatching(/^WARN .*some events are not in it/)])
    })
  )

  it.effect("[CLIENT-20] where there is nothing, nobody is asked, and nothing is said", () =>
    Effect.gen(function* () {
      const { layer, lines } = logged()
      let asked = 0
      const salvage = yield* Salvage.make(() => {
        asked += 1
      }, Effect.succeed([]))
      yield* Effect.provide(salvage, layer)
      expect(asked).toBe(0)
      expect(lines).toEqual([])
    })
  )

  it.effect("[CLIENT-20] an app that fails, or takes for ever, holds nothing up", () =>
    Effect.gen(function* () {
      const apps: ReadonlyArray<Salvage.OnUnconfirmed> = [
        () => {
          throw new Error("the app's own")
        },
        () => Promise.reject(new Error("the app's own")),
        () => Effect.fail("the app's own"),
        () => Effect.never,
        () => new Promise(() => {})
      ]
      for (const app of apps) {
        const { layer, lines } = logged()
        const salvage = yield* Salvage.make(app, Effect.succeed(events(0, 1)))
        const asking = yield* Effect.fork(Effect.provide(salvage, layer))
        yield* advance("10 seconds")
        expect(yield* Fiber.poll(asking)).not.toEqual(Option.none())
        expect(lines.at(-1)).toMatch(/^ERROR onUnconfirmed failed/)
      }
    })
  )
})
