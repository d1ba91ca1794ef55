import { createHash } from "node:crypto"
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Batches from "../src/Batches.ts"
import * as Comparison from "../src/Comparison.ts"
import * as Digest from "../src/Digest.ts"

const withoutArgs = {
  name: "v1.Done",
  seqNum: 2,
  parentSeqNum: 1,
  clientId: "c",
  sessionId: "s"
}
const event = { ...withoutArgs, args: { id: 1, text: "milk" } }

const strict = { nullForAbsentArgs: false }

describe("difference", () => {
  it("[COPY-2] is none between equal events, whatever the order of their keys", () => {
    const copy = { ...event, args: { text: "milk", id: 1 } }
    expect(Comparison.difference(event, copy, strict)).toBe(undefined)
  })

  it("[COPY-2] names each field that differs, and how", () => {
    const copy = { ...event, parentSeqNum: 0, args: { id: 1, text: "mild" } }
    expect(Comparison.difference(event, copy, strict)).toBe(
      'parentSeqNum is 1 there, and 0 here; args is {"id":1,"text":"milk"} there, and {"id":1,"text":"mild"} here'
    )
  })

  it("[COPY-2] shows long texts where they part", () => {
    const [one, other] = ["x", "y"].map((end) => ({ ...event, args: `${"-".repeat(500)}${end}` }))
    const difference = one && other && Comparison.difference(one, other, strict)
    expect(difference).toMatch(/^args is …-{30}x" there, and …-{30}y" here$/)
  })

  it("[COPY-1, COPY-7] holds absent and null arguments apart, unless told otherwise", () => {
    const nulled = { ...event, args: null }
    expect(Comparison.difference(withoutArgs, nulled, strict)).toBe(
      "args is absent there, and null here"
    )
    const lenient = { nullForAbsentArgs: true }
    expect(Comparison.difference(withoutArgs, nulled, lenient)).toBe(undefined)
    // Only so: arguments that come from nowhere are a difference.
    expect(Comparison.difference(nulled, withoutArgs, lenient)).not.toBe(undefined)
    expect(Comparison.difference(event, nulled, lenient)).not.toBe(undefined)
    const renamed = { ...nulled, name: "other" }
    expect(Comparison.difference(withoutArgs, renamed, lenient)).toContain("name")
  })
})

describe("line", () => {
  it("[COPY-4] is the same for equal events, and for no others", () => {
    const line = Comparison.line({ ...event, args: { b: [{ d: 1, c: 2 }], a: null } })
    expect(line).toBe('[2,1,"v1.Done","c","s",{"a":null,"b":[{"c":2,"d":1}]}]\n')
    const nulled = Comparison.line({ ...event, args: null })
    expect(Comparison.line(withoutArgs)).not.toBe(nulled)
  })

  it("[COPY-4] keeps keys that objects have themselves", () => {
    const args: unknown = JSON.parse('{"toString":1,"__proto__":{"b":1,"a":2}}')
    expect(Comparison.canonical(args)).toBe('{"__proto__":{"a":2,"b":1},"toString":1}')
  })
})

describe("digest", () => {
  const sha256 = (text: string) => createHash("sha256").update(text).digest("hex")

  it.effect("[COPY-4] chains SHA-256 over blocks of lines", () =>
    Effect.gen(function* () {
      const digest = Digest.make()
      yield* digest.add("one\n")
      yield* digest.add("two\n")
      expect(yield* digest.hex).toBe(sha256("\none\ntwo\n"))
      // To look at it changes nothing.
      const long = `${"x".repeat(1_000_000)}\n`
      yield* digest.add(long)
      yield* digest.add("three ✓\n")
      expect(yield* digest.hex).toBe(sha256(`${sha256(`\none\ntwo\n${long}`)}\nthree ✓\n`))
    })
  )
})

describe("batches", () => {
  const sizes = (args: ReadonlyArray<unknown>) =>
    Batches.split(args.map((args) => ({ ...event, args }))).map(({ events }) => events.length)

  it("[COPY-6] hold a hundred events and 900,000 bytes at most", () => {
    expect(sizes(Array.from({ length: 250 }, () => 1))).toEqual([100, 100, 50])
    expect(sizes(Array.from({ length: 5 }, () => "ß".repeat(200_000)))).toEqual([2, 2, 1])
  })

  it("[COPY-6] leave an event that is larger to itself", () => {
    expect(sizes([1, "x".repeat(1_500_000), 1, 1])).toEqual([1, 1, 2])
  })

  it("[COPY-4] tell their bytes", () => {
    const [batch] = Batches.split([event, { ...event, args: "ß" }])
    expect(batch?.bytes).toBe(
      Buffer.byteLength(JSON.stringify(event) + JSON.stringify({ ...event, args: "ß" })) + 2
    )
  })
})
