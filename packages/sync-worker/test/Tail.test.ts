import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import { toEntry } from "../src/internal/entry.ts"
import * as Tail from "../src/Tail.ts"
import { event } from "../src/testing/contract/fixtures.ts"

const BACKEND_ID = "backend"

const entry = (seqNum: number, args = `"x"`) =>
  toEntry(event(seqNum, { args, createdAt: `at ${seqNum}` }))

const seqNums = (page: Tail.Page | undefined): ReadonlyArray<number> | undefined =>
  page && Array.from(page.text.matchAll(/"seqNum":(\d+)/g), (match) => Number(match[1]))

const make = (
  options: { head?: number; createdAt?: string; maxEvents?: number; maxBytes?: number } = {}
) =>
  Tail.make({
    head: options.head ?? 0,
    createdAt: options.createdAt,
    backendId: BACKEND_ID,
    size: { maxEvents: options.maxEvents ?? 100, maxBytes: options.maxBytes ?? 900_000 }
  })

describe("Tail", () => {
  it("[PULL-2] has an empty page for whoever stands at the head", () => {
    const tail = make({ head: 7 })
    expect(tail.page(7)).toEqual({
      after: 7,
      upTo: 7,
      bytes: 0,
      text: `{"batch":[],"pageInfo":{"_tag":"NoMore"},"backendId":"backend"}`
    })
    expect(tail.page(6)).toBeUndefined()
    expect(tail.page(8)).toBeUndefined()
  })

  it("[PULL-13] makes another page for whoever is to have a smaller one", () => {
    const tail = make()
    tail.advance([entry(1), entry(2)])
    expect(tail.page(0, { maxEvents: 1, maxBytes: 1_000 })?.upTo).toBe(1)
    expect(tail.page(0)?.upTo).toBe(2)
  })

  it("[PULL-1] makes a page once for all who stand at the same place", () => {
    const tail = make()
    tail.advance([entry(1), entry(2)])
    expect(tail.page(0)).toBe(tail.page(0))
    const before = tail.page(0)
    tail.advance([entry(3)])
    expect(seqNums(tail.page(0))).toEqual([1, 2, 3])
    expect(seqNums(before)).toEqual([1, 2])
  })

  it("[PULL-12] knows when the events that it holds were stored, and the one it began with", () => {
    const tail = make({ head: 7, createdAt: "at 7" })
    expect(tail.createdAt(7)).toBe("at 7")
    tail.advance([entry(8), entry(10)])
    expect([6, 7, 8, 9, 10, 11].map(tail.createdAt)).toEqual([
      undefined,
      "at 7",
      "at 8",
      undefined,
      "at 10",
      undefined
    ])
    // Another log may have other events there.
    Effect.runSync(tail.moveTo(10))
    Effect.runSync(tail.moveTo(7))
    expect([7, 8, 10].map(tail.createdAt)).toEqual([undefined, undefined, undefined])
  })

  it("[PULL-1] forgets the oldest beyond 4 MB, and never the head", () => {
    const tail = make({ maxBytes: Number.MAX_SAFE_INTEGER })
    const args = JSON.stringify("x".repeat(1_000_000))
    for (let seqNum = 1; seqNum <= 10; seqNum++) tail.advance([entry(seqNum, args)])
    expect(tail.head()).toBe(10)
    expect(tail.page(6)).toBeUndefined()
    expect(seqNums(tail.page(7))).toEqual([8, 9, 10])
    // One that is larger than all of the memory is not kept, and known all the same.
    tail.advance([entry(11, JSON.stringify("x".repeat(5_000_000)))])
    expect(tail.head()).toBe(11)
    expect(tail.page(10)).toBeUndefined()
    expect(seqNums(tail.page(11))).toEqual([])
  })

  it("[LOG-1] a head that was read counts, unless it moved since the reading began", () => {
    const tail = make()
    tail.advance([entry(1)])
    Effect.runSync(tail.correct(1, 5))
    expect(tail.head()).toBe(5)
    Effect.runSync(tail.correct(1, 3))
    expect(tail.head()).toBe(5)
    // It may also have gone back: a database can be restored.
    Effect.runSync(tail.correct(5, 2))
    expect(tail.head()).toBe(2)
  })

  it("[LOG-1] a head that is what it was costs nothing of what is remembered", () => {
    const tail = make()
    tail.advance([entry(1), entry(2)])
    Effect.runSync(tail.correct(2, 2))
    expect(seqNums(tail.page(0))).toEqual([1, 2])
  })

  it("[LOG-1] an append that is older than the head changes nothing", () => {
    const tail = make()
    Effect.runSync(tail.moveTo(3))
    tail.advance([entry(1), entry(2)])
    expect(tail.head()).toBe(3)
    expect(tail.page(2)).toBeUndefined()
  })

  it("[PULL-1] an append that others have read in part is taken up whole", () => {
    const tail = make()
    Effect.runSync(tail.moveTo(2))
    tail.advance([entry(1), entry(2), entry(3)])
    expect(tail.head()).toBe(3)
    expect(seqNums(tail.page(2))).toEqual([3])
  })

  const operation = FastCheck.oneof(
    FastCheck.record({
      append: FastCheck.array(FastCheck.nat({ max: 60 }), { minLength: 1, maxLength: 5 })
    }),
    FastCheck.record({ leap: FastCheck.integer({ min: 0, max: 5 }) })
  )

  it.prop(
    "[PULL-1][PULL-3] agrees with a list of all events",
    {
      operations: FastCheck.array(operation, { maxLength: 20 }),
      maxEvents: FastCheck.integer({ min: 1, max: 4 }),
      maxBytes: FastCheck.integer({ min: 1, max: 600 })
    },
    ({ maxBytes, maxEvents, operations }) => {
      const tail = make({ maxEvents, maxBytes })
      let all: Array<ReturnType<typeof entry>> = []
      let start = 0
      let head = 0
      for (const operation of operations) {
        if ("append" in operation) {
          const added = operation.append.map((size) => entry(++head, `"${"x".repeat(size)}"`))
          tail.advance(added)
          all.push(...added)
        } else {
          head += operation.leap
          start = head
          all = []
          Effect.runSync(tail.moveTo(head))
        }
        expect(tail.head()).toBe(head)
        for (let after = 0; after <= head + 1; after++) {
          const page = tail.page(after)
          if (after < start || after > head) {
            expect(page).toBeUndefined()
            continue
          }
          const expected: Array<string> = []
          let bytes = 0
          for (const { json, seqNum } of all) {
            if (seqNum <= after) continue
            bytes += json.length
            if (expected.length >= maxEvents || (expected.length > 0 && bytes > maxBytes)) break
            expected.push(json)
          }
          const upTo = after + expected.length
          expect(page).toMatchObject({ after, upTo })
          expect(JSON.parse(page?.text ?? "")).toEqual({
            batch: expected.map((json): unknown => JSON.parse(json)),
            pageInfo:
              upTo === head ? { _tag: "NoMore" } : { _tag: "MoreKnown", remaining: head - upTo },
            backendId: BACKEND_ID
          })
        }
      }
    },
    { fastCheck: { seed: 20_260_801, numRuns: 100 } }
  )
})
