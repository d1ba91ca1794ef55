import { describe, expect, it } from "@effect/vitest"
import { Effect, FastCheck as fc, Random, Schedule } from "effect"
import { Backoff, Timings } from "../src/index.ts"

/** The first waits of a schedule, each as random as `share` says. */
const waits = (schedule: Schedule.Schedule<unknown>, count: number, share: number) =>
  Effect.replicateEffect(Backoff.make(schedule).next, count).pipe(
    Effect.withRandom(Random.fixed([share]))
  )

const byDefault = Backoff.schedule(Timings.toMillis())

describe("Backoff", () => {
  it.effect("[CLIENT-1] up to 250 ms, doubling to 30 s, for ever", () =>
    Effect.gen(function* () {
      const longest = yield* waits(byDefault, 2_000, 1)
      expect(longest.slice(0, 9)).toEqual([
        250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000
      ])
      expect(new Set(longest.slice(7))).toEqual(new Set([30_000]))
    })
  )

  it.effect.prop(
    "[CLIENT-1] the wait is random, anywhere up to that",
    [fc.nat(30), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })],
    ([failures, share]) =>
      Effect.gen(function* () {
        const longest = Math.min(250 * 2 ** failures, 30_000)
        const random = yield* waits(byDefault, failures + 1, share)
        expect(random.at(-1)).toBeGreaterThanOrEqual(Math.floor(share * longest))
        expect(random.at(-1)).toBeLessThanOrEqual(Math.ceil(share * longest))
      }),
    { fastCheck: { numRuns: 30 } }
  )

  it.effect("[CLIENT-1] any schedule will do; it starts anew when it is told to, and may end", () =>
    Effect.gen(function* () {
      const fibonacci = Backoff.make(
        Schedule.intersect(Schedule.fibonacci("10 millis"), Schedule.recurs(4))
      )
      const take = (count: number) => Effect.replicateEffect(fibonacci.next, count)
      expect(yield* take(6)).toEqual([10, 10, 20, 30, undefined, undefined])
      fibonacci.reset()
      expect(yield* take(2)).toEqual([10, 10])
    })
  )
})
