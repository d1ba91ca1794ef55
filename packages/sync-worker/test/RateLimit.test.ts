import { describe, expect, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import * as RateLimit from "../src/RateLimit.ts"

const seeded = { fastCheck: { seed: 20_261_125, numRuns: 500 } }

const rate = FastCheck.record({
  perSecond: FastCheck.integer({ min: 1, max: 2_000 }),
  burst: FastCheck.integer({ min: 1, max: 2_000 })
})

/** Time passes, and then something is taken. */
const steps = FastCheck.array(
  FastCheck.record({
    wait: FastCheck.oneof(FastCheck.constant(0), FastCheck.integer({ min: 0, max: 3_000 })),
    count: FastCheck.integer({ min: 0, max: 300 })
  }),
  { maxLength: 60 }
)

/** As much as a bucket holds at a time, to the token, found by taking it from a copy. */
const tokensAt = (level: RateLimit.Level, rate: RateLimit.Rate, now: number) => {
  const copy = { ...level }
  RateLimit.take(copy, rate, 0, now)
  return copy.tokens
}

describe("a rate", () => {
  it("[LIMIT-7] lets a burst through at once, and then as much as time brings", () => {
    const rate = { perSecond: 2, burst: 3 }
    const level = RateLimit.make(rate, 1_000)
    const take = (now: number) => RateLimit.take(level, rate, 1, now)
    expect([1_000, 1_000, 1_000, 1_000].map(take)).toEqual([true, true, true, false])
    expect([1_499, 1_500, 1_500].map(take)).toEqual([false, true, false])
    // A full bucket takes no more, however long it waits.
    expect([90_000, 90_000, 90_000, 90_000].map(take)).toEqual([true, true, true, false])
  })

  it("[LIMIT-8] takes nothing where it does not hold as many", () => {
    const rate = { perSecond: 1, burst: 10 }
    const level = RateLimit.make(rate, 0)
    expect(RateLimit.take(level, rate, 6, 0)).toBe(true)
    expect(RateLimit.take(level, rate, 5, 0)).toBe(false)
    expect(RateLimit.take(level, rate, 4, 0)).toBe(true)
    expect(level.tokens).toBe(0)
  })

  it("[LIMIT-8] takes more than a full bucket holds for all of it", () => {
    const rate = { perSecond: 1, burst: 10 }
    const level = RateLimit.make(rate, 0)
    expect(RateLimit.take(level, rate, 25, 0)).toBe(true)
    expect(RateLimit.take(level, rate, 25, 9_999)).toBe(false)
    expect(RateLimit.take(level, rate, 25, 10_000)).toBe(true)
  })

  it("[LIMIT-7] gains nothing by a clock that goes back, and goes on from there", () => {
    const rate = { perSecond: 1, burst: 10 }
    const level = RateLimit.make(rate, 5_000)
    expect(RateLimit.take(level, rate, 10, 5_000)).toBe(true)
    expect(RateLimit.take(level, rate, 1, 1_000)).toBe(false)
    expect(RateLimit.take(level, rate, 1, 1_999)).toBe(false)
    expect(RateLimit.take(level, rate, 1, 2_000)).toBe(true)
  })

  it("[LIMIT-7] may be endless, in either number", () => {
    const endless = Number.POSITIVE_INFINITY
    for (const rate of [
      { perSecond: endless, burst: 2 },
      { perSecond: 1, burst: endless }
    ]) {
      const level = RateLimit.make(rate, 0)
      for (let now = 0; now < 10; now++) expect(RateLimit.take(level, rate, 1, now)).toBe(true)
    }
    const burst = { perSecond: endless, burst: 2 }
    const level = RateLimit.make(burst, 0)
    expect([0, 0, 0].map((now) => RateLimit.take(level, burst, 1, now))).toEqual([
      true,
      true,
      false
    ])
  })

  it.prop(
    "[LIMIT-7] never lets through more than a burst and what time brought",
    { rate, steps },
    ({ rate, steps }) => {
      const level = RateLimit.make(rate, 0)
      let now = 0
      let taken = 0
      for (const { count, wait } of steps) {
        now += wait
        const before = tokensAt(level, rate, now)
        const has = RateLimit.take(level, rate, count, now)
        const cost = Math.min(count, rate.burst)
        expect(has).toBe(cost <= before)
        expect(level.tokens).toBeCloseTo(has ? before - cost : before)
        if (has) taken += cost
        expect(taken).toBeLessThanOrEqual(rate.burst + (now / 1_000) * rate.perSecond + 1e-6)
      }
    },
    seeded
  )

  it.prop(
    "[LIMIT-10] what was kept is what is left, to within a sixteenth",
    { rate, steps },
    ({ rate, steps }) => {
      const level = RateLimit.make(rate, 0)
      let kept = RateLimit.keep(level)
      let now = 0
      for (const { count, wait } of steps) {
        now += wait
        const has = RateLimit.take(level, rate, count, now)
        if (has && RateLimit.isWorthKeeping(level, rate)) kept = RateLimit.keep(level)
        const resumed = tokensAt(RateLimit.make(rate, now, kept), rate, now)
        const over = resumed - tokensAt(level, rate, now)
        expect(over).toBeGreaterThanOrEqual(-1e-6)
        expect(over).toBeLessThan(rate.burst / 16 + 1e-6)
      }
    },
    seeded
  )
})
