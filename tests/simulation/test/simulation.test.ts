/**
 * Many histories of the whole system. One that goes wrong is named by its seed: `pnpm seed <number>` prints
 * its course.
 */
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { simulate } from "../src/Simulation.ts"
import type { Sabotage } from "../src/StoreHost.ts"

const range = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index)

/** A history takes all that there is: whoever waits for this process has a turn in between. */
const breathe = () => new Promise((resolve) => setImmediate(resolve))

const SEEDS = 500
const PART = 50

describe("whatever the network, the storage and the platform do", () => {
  it.each(range(0, SEEDS / PART - 1).map((part) => [part * PART + 1, (part + 1) * PART]))(
    "[LOG-1][PULL-1][PUSH-4][PUSH-6][CLIENT-1] nothing is lost, repeated or moved, and all agree in the end: seeds %i to %i",
    async (from, to) => {
      for (const seed of range(from, to)) {
        expect({ seed, violations: simulate(seed).violations }).toEqual({ seed, violations: [] })
        await breathe()
      }
    }
  )
})

describe("a database that is restored from backups under all of that", () => {
  it.each([1, 51])(
    "[RESTORE-1][RESTORE-2][RESTORE-3][RESTORE-4][PULL-12] nobody goes on with what is lost, and nobody else begins anew: seeds from %i",
    async (from) => {
      for (const seed of range(from, from + PART - 1)) {
        const { violations } = simulate(seed, { restores: true })
        expect({ seed, violations }).toEqual({ seed, violations: [] })
        await breathe()
      }
    }
  )
})

describe("the simulation", () => {
  it("takes the same course from the same seed, and another from another", () => {
    for (const seed of range(1, 3)) {
      const { trace } = simulate(seed)
      expect(simulate(seed).trace).toEqual(trace)
      expect(simulate(seed + 1).trace).not.toEqual(trace)
    }
  })

  it("does everything that it can do", () => {
    const outcomes = range(1, 20).map((seed) => simulate(seed))
    const lines = outcomes.flatMap(({ trace }) => trace)
    for (const text of [
      "server sleeps",
      "server crashes",
      "restarts",
      "breaks",
      "is cut",
      "is offline",
      "storage fails before it did append",
      "storage fails after it did append",
      "ends with 1006",
      "ends with 1013",
      "ServerAheadError",
      "StorageUnavailable",
      '"_tag":"Interrupt"'
    ]) {
      expect(
        lines.some((line) => line.includes(text)),
        text
      ).toBe(true)
    }
    expect(outcomes.reduce((sum, { events }) => sum + events, 0)).toBeGreaterThan(1_000)
  })

  /** What is wrong on purpose. */
  const faults: Readonly<Record<string, Sabotage>> = {
    "a storage that forgets what it has accepted": (log) => ({
      ...log,
      append: (batch) => (batch[0].seqNum % 7 === 0 ? Effect.void : log.append(batch))
    }),
    "a storage that leaves out an event of a page": (log) => ({
      ...log,
      readPage: (after, size) => log.readPage(after === 0 ? 1 : after, size)
    }),
    "a storage that stores a batch by half": (log) => ({
      ...log,
      append: ([first]) => log.append([first])
    })
  }

  it.each(Object.entries(faults))("finds %s", (_, sabotage) => {
    expect(range(1, 30).some((seed) => simulate(seed, { sabotage }).violations.length > 0)).toBe(
      true
    )
  })
})
