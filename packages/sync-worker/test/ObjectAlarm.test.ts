/** The object's alarm over the smallest part of the platform's; the rest is in `Hibernation.test.ts`. */
import { describe, expect, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import * as ObjectAlarm from "../src/internal/objectAlarm.ts"

/** The last time that the platform can be told (its dates are nanoseconds in 64 bits). */
const LAST = 9_223_372_036_854

/** A storage that keeps one time, and one that loses what it is told. */
const storage = (keeps: () => boolean = () => true) => {
  const written: Array<number> = []
  return {
    written,
    alarm: ObjectAlarm.make({
      setAlarm: (time) => {
        if (Number(time) > LAST) throw new TypeError("no date after 2262")
        if (!keeps()) return Promise.reject(new Error("lost"))
        written.push(Number(time))
        return Promise.resolve()
      }
    })
  }
}

describe("the object's alarm", () => {
  it.prop(
    "[LIMIT-9] is set for the earliest time asked for since it went off",
    { rounds: FastCheck.array(FastCheck.array(FastCheck.nat(), { minLength: 1 })) },
    ({ rounds }) => {
      const { alarm, written } = storage()
      for (const times of rounds) {
        for (const time of times) alarm.wakeBy(time)
        expect(written.at(-1)).toBe(Math.min(...times))
        alarm.gone()
      }
    },
    { fastCheck: { seed: 20_261_125 } }
  )

  it("[LIMIT-9] is not set for what is later, never, or beyond the platform's dates", () => {
    const { alarm, written } = storage()
    for (const time of [Number.POSITIVE_INFINITY, 8.64e15, LAST + 1, 5_000, 6_000, 5_000]) {
      alarm.wakeBy(time)
    }
    expect(written).toEqual([5_000])
  })

  it("[LIMIT-9] that was lost is set when it is asked for again", async () => {
    let keeps = false
    const { alarm, written } = storage(() => keeps)
    alarm.wakeBy(5_000)
    await Promise.resolve()
    keeps = true
    alarm.wakeBy(6_000)
    expect(written).toEqual([6_000])
  })
})
