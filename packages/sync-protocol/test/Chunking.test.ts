import { describe, expect, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import { Chunking } from "../src/index.ts"
import { anyString, seeded } from "./utils/arbitraries.ts"

/** Items that are told apart by their index, so that order and identity show. */
const items = FastCheck.array(FastCheck.nat({ max: 12 }), { maxLength: 40 }).map((sizes) =>
  sizes.map((size, index) => ({ size, index }))
)

const input = FastCheck.record({
  items,
  maxItems: FastCheck.integer({ min: 1, max: 6 }),
  maxBytes: FastCheck.integer({ min: 1, max: 30 })
})

const bytesOf = (run: ReadonlyArray<{ readonly size: number }>): number =>
  run.reduce((sum, item) => sum + item.size, 0)

const chunk = ({
  items,
  maxBytes,
  maxItems
}: {
  readonly items: ReadonlyArray<{ readonly size: number; readonly index: number }>
  readonly maxItems: number
  readonly maxBytes: number
}) => Chunking.chunkByBytes(items, { maxItems, maxBytes, sizeOf: (item) => item.size })

describe("chunkByBytes", () => {
  it.prop(
    "[CLIENT-9] joined, the runs are the items, in order",
    [input],
    ([given]) => {
      expect(chunk(given).flat()).toStrictEqual(given.items)
    },
    seeded
  )

  it.prop(
    "[CLIENT-9] no run is empty, and none is over a limit, but for one item that is by itself",
    [input],
    ([given]) => {
      for (const run of chunk(given)) {
        expect(run.length).toBeGreaterThan(0)
        expect(run.length).toBeLessThanOrEqual(given.maxItems)
        if (run.length > 1) expect(bytesOf(run)).toBeLessThanOrEqual(given.maxBytes)
      }
    },
    seeded
  )

  it.prop(
    "[CLIENT-9] a run ends only where the next item does not fit",
    [input],
    ([given]) => {
      const runs = chunk(given)
      for (const [index, run] of runs.entries()) {
        const next = runs[index + 1]?.[0]
        if (next === undefined) continue
        const fits = run.length + 1 <= given.maxItems && bytesOf(run) + next.size <= given.maxBytes
        expect(fits).toBe(false)
      }
    },
    seeded
  )

  it("[LOG-3] an item over the limit has a run of its own", () => {
    const sizes = [1, 99, 1, 1]
    expect(
      Chunking.chunkByBytes(sizes, { maxItems: 10, maxBytes: 10, sizeOf: (size) => size })
    ).toStrictEqual([[1], [99], [1, 1]])
  })

  it("[CLIENT-9] no items, no runs", () => {
    expect(
      Chunking.chunkByBytes([], { maxItems: 10, maxBytes: 10, sizeOf: () => 1 })
    ).toStrictEqual([])
  })
})

describe("byteLength", () => {
  it.prop(
    "[REFUSE-3] is the length in UTF-8",
    [anyString],
    ([text]) => {
      expect(Chunking.byteLength(text)).toBe(Buffer.byteLength(text, "utf8"))
    },
    seeded
  )

  it("[REFUSE-3] of one to four bytes a character", () => {
    expect(["", "a", "é", "€", "😀", "\ud83d"].map(Chunking.byteLength)).toStrictEqual([
      0, 1, 2, 3, 4, 3
    ])
  })
})
