import { expect, it } from "@effect/vitest"
import { FrameText } from "@tidelog/sync-protocol"
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Layer from "effect/Layer"
import { EventLog } from "../../EventLog.ts"
import type { EventLogService, PageSize } from "../../EventLog.ts"
import { ALL, chain, CREATED_AT, event, events, seqNums, storable, toJson } from "./fixtures.ts"
import type { Harness } from "./harness.ts"

/** Holds a page of the log equal to what `read` gives. */
const expectPage = (log: EventLogService, after: number, size: PageSize) =>
  Effect.gen(function* () {
    const page = yield* log.readPage(after, size)
    const entries = yield* log.read(after, size)
    const text = entries.map(({ json }) => json).join(",")
    // Texts of megabytes: compared first, so that a difference is not printed whole.
    if (page.text !== text) expect(page.text.slice(0, 5_000)).toBe(text.slice(0, 5_000))
    expect(page.text === text).toBe(true)
    expect(page).toMatchObject({
      upTo: entries.at(-1)?.seqNum,
      events: entries.length,
      head: yield* log.head,
      bytes: new TextEncoder().encode(text).length
    })
    return page
  })

/** What is read, and what is known of the log. */
export const declareRead = <E>({ newStoreId, open, test }: Harness<E>): void => {
  test(
    "[LOG-3] reads after a cursor, up to a number of events",
    Effect.gen(function* () {
      const log = yield* EventLog
      yield* log.append(events(1, 10))
      expect(seqNums(yield* log.read(4, { ...ALL, maxEvents: 3 }))).toEqual([5, 6, 7])
      expect(seqNums(yield* log.read(9, { ...ALL, maxEvents: 3 }))).toEqual([10])
      expect(seqNums(yield* log.read(10, ALL))).toEqual([])
      expect(seqNums(yield* log.read(11, ALL))).toEqual([])
      const endless = { maxEvents: Infinity, maxBytes: Infinity }
      expect(yield* expectPage(log, 0, endless)).toMatchObject({ upTo: 10, events: 10 })
    })
  )

  test(
    "[LOG-3] reads up to a number of bytes, and at least one event",
    Effect.gen(function* () {
      const log = yield* EventLog
      const args = JSON.stringify("x".repeat(10_000))
      yield* log.append(events(1, 10, { args }))
      const page = yield* log.read(0, { maxEvents: 100, maxBytes: 45_000 })
      expect(page.length).toBeGreaterThanOrEqual(3)
      expect(page.length).toBeLessThanOrEqual(4)
      expect(seqNums(yield* log.read(0, { maxEvents: 100, maxBytes: 1 }))).toEqual([1])
    })
  )

  test(
    "[LOG-3] counts the names and ids of an event with its bytes",
    Effect.gen(function* () {
      const log = yield* EventLog
      const long = "x".repeat(10_000)
      yield* log.append(events(1, 10, { name: long, clientId: long, sessionId: long }))
      const page = yield* log.read(0, { maxEvents: 100, maxBytes: 100_000 })
      expect(seqNums(page)).toEqual([1, 2, 3])
    })
  )

  test(
    "[LOG-3] pages through 10,000 events",
    Effect.gen(function* () {
      const log = yield* EventLog
      for (let from = 1; from <= 10_000; from += 1_000) {
        yield* log.append(events(from, from + 999))
      }
      const read: Array<number> = []
      for (;;) {
        const page = yield* log.read(read.at(-1) ?? 0, { maxEvents: 1_000, maxBytes: 900_000 })
        if (page.length === 0) break
        read.push(...seqNums(page))
      }
      expect(read).toEqual(Array.from({ length: 10_000 }, (_, index) => index + 1))
    }),
    30_000
  )

  test(
    "[LOG-10] a page is the text of the events that a read gives",
    Effect.gen(function* () {
      const log = yield* EventLog
      expect(yield* expectPage(log, 0, ALL)).toEqual({
        upTo: undefined,
        text: "",
        events: 0,
        bytes: 0,
        head: 0
      })
      yield* log.append([...events(1, 9), event(20, { parentSeqNum: 9, args: undefined })])
      expect(yield* expectPage(log, 0, { ...ALL, maxEvents: 3 })).toMatchObject({ upTo: 3 })
      expect(yield* expectPage(log, 3, { ...ALL, maxBytes: 1 })).toMatchObject({ upTo: 4 })
      expect(yield* expectPage(log, 3, { ...ALL, maxBytes: 1_000 })).not.toMatchObject({
        upTo: 9
      })
      expect(yield* expectPage(log, 8, ALL)).toMatchObject({ upTo: 20, events: 2 })
      expect(yield* expectPage(log, 20, ALL)).toMatchObject({ upTo: undefined, events: 0 })
    })
  )

  test(
    "[LOG-10] a page with the largest event, and one with nothing but escapes, come whole",
    Effect.gen(function* () {
      const log = yield* EventLog
      const args = JSON.stringify("x".repeat(1_800_000 - 20))
      yield* log.append(events(1, 1, { args }))
      // Three such names make an event six times as long as it lies in the database.
      const name = "\u0001".repeat(256)
      yield* log.append(events(2, 900, { name, clientId: name, sessionId: name }))
      yield* expectPage(log, 0, { maxEvents: 1_000, maxBytes: 900_000 })
      const page = yield* expectPage(log, 1, { maxEvents: 1_000, maxBytes: 900_000 })
      expect(page.events).toBeGreaterThan(100)
    }),
    30_000
  )

  it.effect.prop(
    "[LOG-10] a page is written as FrameText writes it, whatever the events hold",
    {
      parts: FastCheck.array(
        FastCheck.record({
          name: storable,
          clientId: storable,
          sessionId: storable,
          args: FastCheck.option(
            FastCheck.oneof(FastCheck.json(), FastCheck.string16bits().map(toJson)),
            { nil: undefined }
          ),
          step: FastCheck.oneof(FastCheck.constant(1), FastCheck.integer({ min: 1, max: 2 ** 48 }))
        }),
        { minLength: 1, maxLength: 12 }
      )
    },
    ({ parts: [first, ...rest] }) =>
      Effect.gen(function* () {
        const log = yield* EventLog
        if (first === undefined) return
        const batch = chain(first, rest)
        yield* log.append(batch)
        const page = yield* expectPage(log, 0, ALL)
        expect(page.text).toBe(batch.map(FrameText.pulledEvent).join(","))
      }).pipe(Effect.provide(Layer.fresh(Layer.suspend(() => open(newStoreId()))))),
    { fastCheck: { seed: 20_260_802, numRuns: 40 }, timeout: 60_000 }
  )

  test(
    "[LOG-8] tells when the event at a position was stored",
    Effect.gen(function* () {
      const log = yield* EventLog
      expect(log.initialCreatedAt).toBeUndefined()
      expect(yield* log.createdAt(0)).toBeUndefined()
      const later = "2026-01-02T03:04:05.679Z"
      yield* log.append([event(1), event(5, { parentSeqNum: 1, createdAt: later })])
      expect(yield* log.createdAt(1)).toBe(CREATED_AT)
      expect(yield* log.createdAt(5)).toBe(later)
      for (const nowhere of [0, 2, 6, Number.MAX_SAFE_INTEGER]) {
        expect(yield* log.createdAt(nowhere)).toBeUndefined()
      }
    })
  )

  test(
    "[LOG-9] counts its events and their bytes",
    Effect.gen(function* () {
      const log = yield* EventLog
      expect(yield* log.stats).toEqual({ events: 0, bytes: 0 })
      const batch: NonEmptyReadonlyArray<FrameText.EventParts> = [
        event(1, { args: undefined }),
        event(2, { name: "日本語", args: `"🌊"` }),
        event(3, { args: JSON.stringify("x".repeat(100_000)) })
      ]
      yield* log.append(batch)
      const text = batch
        .map(({ args = "", clientId, createdAt, name, sessionId }) =>
          [args, clientId, createdAt, name, sessionId].join("")
        )
        .join("")
      expect(yield* log.stats).toEqual({
        events: 3,
        bytes: new TextEncoder().encode(text).length
      })
    })
  )
}
