import { describe, expect, it } from "@effect/vitest"
import type { LogEvent } from "@tidelog/sync-protocol"
import { FastCheck as fc } from "effect"
import * as PullState from "../src/PullState.ts"
import { events, page, pageOf, seqNums } from "./TestSocket.ts"

/** A log whose numbers grow by random steps, cut into pages. */
const log = fc
  .array(fc.integer({ min: 1, max: 20_000 }), { minLength: 1, maxLength: 40 })
  .map((steps) => {
    let parentSeqNum = 0
    return steps.map((step): LogEvent.LogEvent => {
      const seqNum = parentSeqNum + step
      const event = { name: "e", seqNum, parentSeqNum, clientId: "c", sessionId: "s" }
      parentSeqNum = seqNum
      return event
    })
  })

/** What a misbehaving network may make of a log: pages that start and end anywhere. */
const delivery = log.chain((log) =>
  fc.array(fc.tuple(fc.nat(log.length), fc.nat(log.length)), { maxLength: 30 }).map((cuts) => ({
    log,
    pages: cuts.map(([a, b]) => log.slice(Math.min(a, b), Math.max(a, b)))
  }))
)

describe("PullState", () => {
  it.prop(
    "[CLIENT-3] whatever comes in whatever order, what is read is a chain without repetition",
    [delivery],
    ([{ log, pages }]) => {
      let cursor = 0
      const read: Array<number> = []
      for (const batch of pages) {
        const reading = PullState.read(cursor, pageOf(batch))
        read.push(...seqNums(reading.page))
        cursor = reading.cursor
        if (reading.gapUpTo !== 0) expect(reading.gapUpTo).toBeGreaterThan(cursor)
      }
      expect(read).toEqual(log.slice(0, read.length).map(({ seqNum }) => seqNum))
      expect(cursor).toBe(read.at(-1) ?? 0)
    }
  )

  it.prop(
    "[CLIENT-3] a page that overlaps is read from the cursor on",
    [log, fc.nat(40)],
    ([log, known]) => {
      const cursor = log[known]?.seqNum ?? 0
      const reading = PullState.read(cursor, pageOf(log))
      expect(reading.cursor).toBe(Math.max(cursor, log.at(-1)?.seqNum ?? 0))
      expect(seqNums(reading.page)).toEqual(
        log.map(({ seqNum }) => seqNum).filter((seqNum) => seqNum > cursor)
      )
    }
  )

  it("[CLIENT-3] the first event of a log may have any number, but its parent is the cursor", () => {
    const far = { ...events(0, 1)[0], name: "e", clientId: "c", sessionId: "s" }
    const at = (seqNum: number, parentSeqNum: number) => pageOf([{ ...far, seqNum, parentSeqNum }])
    expect(PullState.read(0, at(20_000, 0))).toMatchObject({ cursor: 20_000, gapUpTo: 0 })
    expect(PullState.read(0, at(20_000, 19_999))).toMatchObject({ cursor: 0, gapUpTo: 20_000 })
    expect(PullState.read(2, at(3, 1))).toMatchObject({ cursor: 2, gapUpTo: 3 })
  })

  it("[CLIENT-3] a page with a gap inside is read as far as that, and is not the last", () => {
    const batch = [...events(0, 2), ...events(3, 5)]
    const reading = PullState.read(0, pageOf(batch))
    expect(seqNums(reading.page)).toEqual([1, 2])
    expect(reading).toMatchObject({
      page: { pageInfo: { _tag: "MoreUnknown" } },
      cursor: 2,
      gapUpTo: 5
    })
  })

  it("a page that is new as a whole is not copied", () => {
    const whole = page(3, 6)
    expect(PullState.read(3, whole)).toEqual({ page: whole, cursor: 6, gapUpTo: 0 })
  })
})
