import { describe, expect, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Schema from "effect/Schema"
import { LogEvent } from "../src/index.ts"
import { anyString, jsonValue, logEvent, seeded } from "./utils/arbitraries.ts"

const event = (seqNum: number, parentSeqNum: number): LogEvent.LogEvent => ({
  name: "n",
  seqNum,
  parentSeqNum,
  clientId: "c",
  sessionId: "s"
})

const withArgs = (args: unknown): LogEvent.LogEvent => ({ ...event(1, 0), args })

/** One text per JSON value, whatever the order of its keys. */
const canonical = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`
  if (typeof value !== "object" || value === null) return JSON.stringify(value)
  const entries = Object.entries(value).map(([key, item]) => [JSON.stringify(key), canonical(item)])
  return `{${entries
    .map((entry) => entry.join(":"))
    .toSorted()
    .join(",")}}`
}

/** The same value, made anew, the keys of each of its objects in the opposite order. */
const reversed = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(reversed)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, item]) => [key, reversed(item)])
  )
}

/** A chain of 1 to 8 events, from any head, in steps of 1 or more. */
const chain = FastCheck.tuple(
  FastCheck.nat({ max: 1_000 }),
  FastCheck.array(FastCheck.integer({ min: 1, max: 20_000 }), { minLength: 1, maxLength: 8 })
).map(([head, steps]) => {
  let parent = head
  return steps.map((step) => {
    const next = event(parent + step, parent)
    parent = next.seqNum
    return next
  })
})

describe("LogEvent", () => {
  const decode = Schema.decodeUnknownEither(LogEvent.LogEvent)

  it("[EVENT-1] absent arguments stay absent, null ones null, and unknown keys are left out", () => {
    expect(decode(event(1, 0))).toStrictEqual(Either.right(event(1, 0)))
    expect(decode(withArgs(null))).toStrictEqual(Either.right(withArgs(null)))
    expect(decode({ ...event(1, 0), extra: 1 })).toStrictEqual(Either.right(event(1, 0)))
  })

  it.each([
    [0, true],
    [1, true],
    [Number.MAX_SAFE_INTEGER, true],
    [Number.MAX_SAFE_INTEGER + 1, false],
    [-1, false],
    [1.5, false],
    [Number.NaN, false],
    ["1", false],
    [null, false]
  ])("[EVENT-2] position %j: %j", (position, valid) => {
    expect(Either.isRight(decode({ ...event(1, 0), seqNum: position }))).toBe(valid)
    expect(Either.isRight(decode({ ...event(1, 0), parentSeqNum: position }))).toBe(valid)
  })

  it("[EVENT-2] the root is 0", () => {
    expect(LogEvent.ROOT).toBe(0)
  })
})

describe("findBrokenLink", () => {
  it("[EVENT-3] no events are a chain", () => {
    expect(LogEvent.findBrokenLink([])).toBe(undefined)
  })

  it.prop(
    "[EVENT-3] a chain is one, from any head and in steps of any size",
    [chain],
    ([batch]) => {
      expect(LogEvent.findBrokenLink(batch)).toBe(undefined)
    },
    seeded
  )

  it.prop(
    "[EVENT-3] the first event that names another parent is found",
    [chain, FastCheck.nat(), FastCheck.nat()],
    ([batch, choice, other]) => {
      FastCheck.pre(batch.length > 1)
      const index = 1 + (choice % (batch.length - 1))
      const broken = batch.map((item, at) => {
        if (at !== index) return item
        const parentSeqNum = other % item.seqNum
        return { ...item, parentSeqNum }
      })
      FastCheck.pre(broken[index]?.parentSeqNum !== batch[index]?.parentSeqNum)
      const found = LogEvent.findBrokenLink(broken)
      expect(found?.index).toBe(index)
      expect(found?.message).toContain(`event ${batch[index]?.seqNum} `)
      expect(found?.message).toContain(`names ${broken[index]?.parentSeqNum} as its parent`)
    },
    seeded
  )

  it.prop(
    "[EVENT-3] the first event that does not exceed its parent is found",
    [chain, FastCheck.nat(), FastCheck.nat()],
    ([batch, choice, back]) => {
      const index = choice % batch.length
      const broken = batch.map((item, at) =>
        at === index
          ? { ...item, seqNum: item.parentSeqNum - (back % (item.parentSeqNum + 1)) }
          : item
      )
      const found = LogEvent.findBrokenLink(broken)
      expect(found?.index).toBe(index)
      expect(found?.message).toContain("does not come after its parent")
    },
    seeded
  )

  it("[EVENT-3] the log of the official server that went backwards is no chain", () => {
    expect(LogEvent.findBrokenLink([event(3, 2), event(9, 7)])?.index).toBe(1)
    expect(LogEvent.findBrokenLink([event(10, 9), event(5, 10)])?.index).toBe(1)
    expect(LogEvent.findBrokenLink([event(4, 4)])?.index).toBe(0)
  })
})

describe("isSame", () => {
  it.prop(
    "[EVENT-4] the order of keys does not matter",
    [logEvent],
    ([one]) => {
      const copy = "args" in one ? { ...one, args: reversed(one.args) } : { ...one }
      expect(LogEvent.isSame(one, copy)).toBe(true)
    },
    seeded
  )

  it.prop(
    "[EVENT-4] arguments are the same exactly if they are the same JSON value",
    [jsonValue, jsonValue],
    ([left, right]) => {
      const expected = canonical(left) === canonical(right)
      expect(LogEvent.isSame(withArgs(left), withArgs(right))).toBe(expected)
      // Most pairs differ at the root; these differ, if at all, deep inside.
      expect(LogEvent.isSame(withArgs([0, { a: left }]), withArgs([0, { a: right }]))).toBe(
        expected
      )
    },
    seeded
  )

  it.prop(
    "[EVENT-4] any field that differs makes another event",
    [logEvent, anyString],
    ([one, suffix]) => {
      const text = `${suffix}x`
      const number = (value: number) => (value === 0 ? 1 : value - 1)
      const others: ReadonlyArray<LogEvent.LogEvent> = [
        { ...one, name: one.name + text },
        { ...one, seqNum: number(one.seqNum) },
        { ...one, parentSeqNum: number(one.parentSeqNum) },
        { ...one, clientId: one.clientId + text },
        { ...one, sessionId: one.sessionId + text },
        { ...one, args: [one.args ?? null] }
      ]
      for (const other of others) {
        expect(LogEvent.isSame(one, other)).toBe(false)
        expect(LogEvent.isSame(other, one)).toBe(false)
      }
    },
    seeded
  )

  it("[EVENT-1][EVENT-4] absent arguments are not null", () => {
    expect(LogEvent.isSame(event(1, 0), withArgs(null))).toBe(false)
    expect(LogEvent.isSame(withArgs(null), event(1, 0))).toBe(false)
    expect(LogEvent.isSame(event(1, 0), event(1, 0))).toBe(true)
    expect(LogEvent.isSame(withArgs(null), withArgs(null))).toBe(true)
  })

  it.each([
    ["{}", "[]"],
    ["{}", "null"],
    ["[]", "null"],
    ["0", "false"],
    ["1", `"1"`],
    [`{"a":1}`, `{"a":1,"b":1}`],
    [`{"a":1,"b":1}`, `{"a":1,"c":1}`],
    ["[1,2]", "[2,1]"],
    ["[1]", "[1,1]"],
    [`["x"]`, `{"0":"x"}`],
    [`{"__proto__":{"a":1}}`, "{}"],
    [`{"__proto__":{"a":1}}`, `{"a":1}`],
    [`{"__proto__":{"a":1}}`, `{"__proto__":{"a":2}}`],
    [`{"toString":null}`, "{}"],
    [`{"toString":null}`, `{"b":null}`]
  ])("[EVENT-4] %s is not %s", (left, right) => {
    const one = withArgs(JSON.parse(left))
    const other = withArgs(JSON.parse(right))
    expect(LogEvent.isSame(one, other)).toBe(false)
    expect(LogEvent.isSame(other, one)).toBe(false)
  })

  it("[EVENT-4] a __proto__ key is compared like any other", () => {
    const text = `{"__proto__":{"a":[1]},"b":2}`
    const other = `{"b":2,"__proto__":{"a":[1]}}`
    expect(LogEvent.isSame(withArgs(JSON.parse(text)), withArgs(JSON.parse(other)))).toBe(true)
  })

  it("[EVENT-4] arguments of any depth are compared", () => {
    const deep = (leaf: string) =>
      withArgs(JSON.parse("[".repeat(50_000) + leaf + "]".repeat(50_000)))
    expect(LogEvent.isSame(deep("1"), deep("1"))).toBe(true)
    expect(LogEvent.isSame(deep("1"), deep("2"))).toBe(false)
  })
})
