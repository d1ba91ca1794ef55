import { describe, expect, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberRef from "effect/FiberRef"
import * as HashMap from "effect/HashMap"
import * as Layer from "effect/Layer"
import { makeOnce } from "../src/internal/once.ts"

class Service extends Context.Tag("test/Service")<Service, number>() {}

const key = {}

/** A Layer that takes a moment, and how often it was built. `end`: its finalizer. */
const slowLayer = (end: Effect.Effect<void>) => {
  const counts = { built: 0 }
  const layer = Layer.scoped(
    Service,
    Effect.gen(function* () {
      yield* Effect.addFinalizer(() => end)
      yield* Effect.sleep("5 millis")
      return ++counts.built
    })
  )
  return { counts, layer }
}

const build = (layer: Layer.Layer<Service, string>) => {
  const once = makeOnce(() => layer)
  return Effect.map(once(key), ({ context }) => Context.get(context, Service))
}

describe("makeOnce", () => {
  it.live.each<readonly [string, Effect.Effect<void>]>([
    ["hangs", Effect.never],
    ["dies", Effect.die("no farewell")]
  ])("[AUTH-6] keeps nobody waiting for a finalizer that %s", ([, end]) =>
    Effect.gen(function* () {
      const { counts, layer } = slowLayer(end)
      const built = build(layer)
      const all = yield* Effect.all(Effect.replicate(built, 10).map(Effect.exit), {
        concurrency: "unbounded"
      }).pipe(Effect.timeout("2 seconds"))
      // What is ready first is everybody's.
      expect(new Set(all.map((exit) => JSON.stringify(exit))).size).toBe(1)
      expect(all.every(Exit.isSuccess)).toBe(true)
      expect(yield* built).toBe(1)
      expect(counts.built).toBe(10)
    })
  )

  it.live("[AUTH-6] keeps no build that fails, and none of the names of its request", () =>
    Effect.gen(function* () {
      let attempts = 0
      const once = makeOnce(() =>
        Layer.effect(
          Service,
          Effect.suspend(() => (++attempts === 1 ? Effect.fail("not yet") : Effect.succeed(7)))
        )
      )
      expect(yield* Effect.exit(once(key))).toEqual(Exit.fail("not yet"))
      const runtime = yield* Effect.annotateLogs(once(key), { storeId: "first" })
      const annotations = FiberRef.get(FiberRef.currentLogAnnotations).pipe(
        Effect.provide(runtime),
        Effect.annotateLogs({ storeId: "second" })
      )
      expect(HashMap.toEntries(yield* annotations)).toEqual([["storeId", "second"]])
      expect(attempts).toBe(2)
    })
  )
})
