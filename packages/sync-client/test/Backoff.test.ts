import { describe, expect, it } from "@effect/vitest"
import { Effect, FastCheck as fc, Random } from "effect"
import { Backoff, Timings } from "../src/index.ts"

const ceiling = (failures: number) => Backoff.ceiling(Timings.toMillis(), failures)

describe("Backoff", () => {
  it("[CLIENT-1] at once at first, then up to 250 ms, doubling to 30 s", () => {
    expect([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1_000, 2 ** 40].map(ceiling)).toEqual([
      0, 250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000, 30_000
    ])
  })

  it.effect.prop(
    "[CLIENT-1] the wait is random, anywhere up to the ceiling",
    [fc.nat(30), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })],
    ([failures, share]) =>
      Effect.gen(function* () {
        const delay = yield* Backoff.delay(Timings.toMillis(), failures)
        expect(delay).toBe(Math.ceil(share * ceiling(failures)))
      }).pipe(Effect.withRandom(Random.fixed([share]))),
    { fastCheck: { numRuns: 30 } }
  )
})
