import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { StorageError } from "../src/EventLog.ts"
import type { LogPage } from "../src/EventLog.ts"
import * as PageReader from "../src/PageReader.ts"
import { range } from "./support/frames.ts"

const SIZE = { maxEvents: 10, maxBytes: 1_000_000 }

/** Pages of ten events, of a log that ends at 1,000. What was asked, and how many at once. */
const makeReader = (
  read?: (after: number) => Effect.Effect<LogPage, StorageError>,
  bytes = 1_000
) => {
  const asked: Array<number> = []
  const state = {
    head: 1_000,
    moves: 0,
    running: 0,
    most: 0,
    told: new Array<ReadonlyArray<number>>()
  }
  const reader = PageReader.make({
    size: SIZE,
    tail: { head: () => state.head, moves: () => state.moves },
    head: {
      told: (known, head) =>
        Effect.sync(() => {
          state.told.push([known, head])
        })
    },
    log: {
      readPage: (after) =>
        Effect.suspend(() => {
          asked.push(after)
          state.running += 1
          state.most = Math.max(state.most, state.running)
          const page = { upTo: after + 10, text: `page ${after}`, events: 10, bytes, head: 1_001 }
          return (read?.(after) ?? Effect.as(Effect.sleep("1 millis"), page)).pipe(
            Effect.ensuring(Effect.sync(() => (state.running -= 1)))
          )
        })
    }
  })
  return { reader, asked, state }
}

describe("PageReader", () => {
  it.live("[PULL-1] reads a page once for all who wait for it, and again for nobody", () =>
    Effect.gen(function* () {
      const { asked, reader } = makeReader()
      const pages = yield* Effect.all(
        range(1, 100).map(() => reader.read(20)),
        {
          concurrency: "unbounded"
        }
      )
      expect(new Set(pages.map(({ text }) => text))).toEqual(new Set(["page 20"]))
      yield* reader.read(20)
      expect(asked).toEqual([20])
    })
  )

  it.live("[PUSH-11] never has more than two reads under way", () =>
    Effect.gen(function* () {
      const { asked, reader, state } = makeReader()
      yield* Effect.all(
        range(0, 19).map((page) => reader.read(page * 10)),
        {
          concurrency: "unbounded"
        }
      )
      expect(asked).toHaveLength(20)
      expect(state.most).toBe(2)
    })
  )

  it.live("[PULL-1] a page that reaches the head is read anew: more may follow", () =>
    Effect.gen(function* () {
      const { asked, reader, state } = makeReader()
      yield* reader.read(990)
      yield* reader.read(990)
      expect(asked).toEqual([990, 990])
      state.head = 1_005
      yield* reader.read(990)
      yield* reader.read(990)
      expect(asked).toEqual([990, 990, 990])
    })
  )

  it.live("[PULL-7] what was read of another log is forgotten, also if it comes late", () =>
    Effect.gen(function* () {
      const { asked, reader, state } = makeReader()
      yield* reader.read(0)
      state.moves += 1
      yield* reader.read(0)
      expect(asked).toEqual([0, 0])
      yield* Effect.all([reader.read(10), Effect.sync(() => (state.moves += 1))], {
        concurrency: 2
      })
      yield* reader.read(10)
      expect(asked).toEqual([0, 0, 10, 10])
    })
  )

  it.live(
    "[RESTORE-1] each page that is read tells where the log ends, and one from memory does not",
    () =>
      Effect.gen(function* () {
        const { reader, state } = makeReader()
        yield* reader.read(0)
        yield* reader.read(0)
        yield* reader.read(10)
        expect(state.told).toEqual([
          [1_000, 1_001],
          [1_000, 1_001]
        ])
      })
  )

  it.live("[PULL-11] a read that fails fails for all who wait, and is not kept", () =>
    Effect.gen(function* () {
      let failing = true
      const page = { upTo: 10, text: "", events: 10, bytes: 1, head: 1_000 }
      const { asked, reader } = makeReader(() =>
        failing ? new StorageError({ operation: "read", cause: "no" }) : Effect.succeed(page)
      )
      const exits = yield* Effect.all([reader.read(0), reader.read(0)].map(Effect.exit), {
        concurrency: 2
      })
      expect(exits.map(Exit.isFailure)).toEqual([true, true])
      failing = false
      expect(yield* reader.read(0)).toBe(page)
      expect(asked.length).toBeLessThanOrEqual(3)
    })
  )

  it.live("[PULL-5] keeps 8 MB of pages, the ones used last", () =>
    Effect.gen(function* () {
      const { asked, reader } = makeReader(undefined, 900_000)
      for (const page of range(0, 7)) yield* reader.read(page * 10)
      yield* reader.read(0)
      yield* reader.read(80)
      yield* reader.read(0)
      expect(asked).toEqual([...range(0, 7).map((page) => page * 10), 80])
      yield* reader.read(10)
      expect(asked.at(-1)).toBe(10)
    })
  )
})
