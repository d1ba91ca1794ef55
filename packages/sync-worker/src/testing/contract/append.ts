import { expect, it } from "@effect/vitest"
import type { FrameText } from "@tidelog/sync-protocol"
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { EventLog } from "../../EventLog.ts"
import { ALL, CREATED_AT, decode, event, events, seqNums } from "./fixtures.ts"
import type { Harness } from "./harness.ts"

/** What is appended, and what is not. */
export const declareAppend = <E>({ durable, newStoreId, open, test }: Harness<E>): void => {
  test(
    "[LOG-1] is empty at first, and its head is the root",
    Effect.gen(function* () {
      const log = yield* EventLog
      expect(yield* log.head).toBe(0)
      expect(yield* log.read(0, ALL)).toEqual([])
    })
  )

  test(
    "[LOG-1] appends at the head, and the head moves",
    Effect.gen(function* () {
      const log = yield* EventLog
      yield* log.append(events(1, 3))
      expect(yield* log.head).toBe(3)
      yield* log.append(events(4, 4))
      expect(yield* log.head).toBe(4)
      expect(seqNums(yield* log.read(0, ALL))).toEqual([1, 2, 3, 4])
    })
  )

  test(
    "[LOG-1] refuses a batch for another head, and stores nothing of it",
    Effect.gen(function* () {
      const log = yield* EventLog
      yield* log.append(events(1, 3))
      for (const batch of [events(3, 5), events(5, 6), events(1, 3), events(1, 1)]) {
        const result = yield* Effect.either(log.append(batch))
        expect(Either.getLeft(result)).toMatchObject({
          value: { _tag: "HeadMismatch", expected: batch[0].parentSeqNum }
        })
      }
      expect(seqNums(yield* log.read(0, ALL))).toEqual([1, 2, 3])
    })
  )

  test(
    "[LOG-1] of several batches for one head, exactly one is stored",
    Effect.gen(function* () {
      const log = yield* EventLog
      yield* log.append(events(1, 1))
      const results = yield* Effect.forEach(
        ["a", "b", "c", "d", "e"],
        (clientId) => Effect.either(log.append(events(2, 4, { clientId }))),
        { concurrency: "unbounded" }
      )
      expect(results.filter(Either.isRight)).toHaveLength(1)
      const stored = yield* Effect.forEach(yield* log.read(1, ALL), ({ json }) => decode(json))
      expect(stored).toHaveLength(3)
      expect(new Set(stored.map(({ eventEncoded }) => eventEncoded.clientId)).size).toBe(1)
    })
  )

  test(
    "[EVENT-3] takes a chain whose numbers leap",
    Effect.gen(function* () {
      const log = yield* EventLog
      yield* log.append([event(20_000, { parentSeqNum: 0 })])
      yield* log.append([event(20_007, { parentSeqNum: 20_000 })])
      expect(yield* log.head).toBe(20_007)
      expect(seqNums(yield* log.read(20_000, ALL))).toEqual([20_007])
    })
  )

  test(
    "[EVENT-2] takes positions up to 2^53 - 1",
    Effect.gen(function* () {
      const log = yield* EventLog
      const last = Number.MAX_SAFE_INTEGER
      yield* log.append([event(last - 1, { parentSeqNum: 0 })])
      yield* log.append([event(last, { parentSeqNum: last - 1 })])
      expect(yield* log.head).toBe(last)
      expect(seqNums(yield* log.read(last - 1, ALL))).toEqual([last])
    })
  )

  test(
    "[LOG-5] gives back every JSON value as it was, and nothing where nothing was",
    Effect.gen(function* () {
      const log = yield* EventLog
      const values: ReadonlyArray<unknown> = [
        undefined,
        null,
        false,
        0,
        -0.5,
        1e300,
        Number.MAX_SAFE_INTEGER,
        "",
        "null",
        `quotes " and ' and \\ and \u2028`,
        "Ünïcødé 日本語 🌊 \u0000 \u001f",
        "lone \ud800 surrogates \udfff",
        [],
        [[[]]],
        {},
        { nested: { list: [1, "two", null, { three: 3 }] }, "": "empty key" },
        JSON.parse(`{"__proto__":{"polluted":true},"constructor":1}`)
      ]
      for (const [index, value] of values.entries()) {
        yield* log.append([
          event(index + 1, { args: value === undefined ? undefined : JSON.stringify(value) })
        ])
      }
      // Once more as one batch: it takes another way into the database.
      const [first, ...rest] = values.map((value, index) =>
        event(values.length + index + 1, {
          args: value === undefined ? undefined : JSON.stringify(value)
        })
      )
      if (first !== undefined) yield* log.append([first, ...rest])

      const entries = yield* log.read(0, ALL)
      expect(entries).toHaveLength(2 * values.length)
      for (const [index, entry] of entries.entries()) {
        const value = values[index % values.length]
        const { eventEncoded, metadata } = yield* decode(entry.json)
        expect(JSON.stringify(eventEncoded.args)).toBe(JSON.stringify(value))
        expect("args" in eventEncoded).toBe(value !== undefined)
        expect(metadata).toMatchObject({ value: { createdAt: CREATED_AT } })
        expect(entry.bytes).toBe(new TextEncoder().encode(entry.json).length)
      }
    })
  )

  test(
    "[LOG-5] keeps names and ids of any script",
    Effect.gen(function* () {
      const log = yield* EventLog
      const strange = {
        name: `n "ä" \\ 🌊`,
        clientId: "c'; DROP TABLE x; --",
        sessionId: "s\n\t"
      }
      yield* log.append(events(1, 2, strange))
      yield* log.append(events(3, 3, strange))
      for (const { json } of yield* log.read(0, ALL)) {
        expect((yield* decode(json)).eventEncoded).toMatchObject(strange)
      }
    })
  )

  test(
    "[LOG-1] stores a batch of several megabytes whole, or not at all",
    Effect.gen(function* () {
      const log = yield* EventLog
      // Mostly quotes: twice as long inside a JSON parameter.
      const args = JSON.stringify(`"`.repeat(100_000))
      yield* log.append(events(1, 15, { args }))
      expect(yield* log.head).toBe(15)
      const result = yield* Effect.either(log.append(events(2, 16, { args })))
      expect(Either.isLeft(result)).toBe(true)
      expect(yield* log.head).toBe(15)
    }),
    30_000
  )

  test(
    "[REFUSE-3] stores the largest event that is let in",
    Effect.gen(function* () {
      const log = yield* EventLog
      const args = JSON.stringify("x".repeat(1_800_000 - 20))
      yield* log.append(events(1, 1, { args }))
      yield* log.append(events(2, 3))
      const page = yield* log.read(0, { maxEvents: 100, maxBytes: 900_000 })
      expect(seqNums(page)).toEqual([1])
      expect(page[0]?.json).toContain(args)
    }),
    30_000
  )

  it.effect("[LOG-4] shares nothing between stores with similar names", () =>
    Effect.gen(function* () {
      const base = newStoreId()
      const similar = [
        base,
        base.toUpperCase(),
        `${base}-a`,
        `${base}_a`,
        `${base}.a`,
        `${base}__a`,
        `${base} é`,
        `${base} e\u0301`,
        `${base}"; DROP TABLE tidelog_stores; --`,
        "x".repeat(255) + "A",
        "x".repeat(255) + "a"
      ]
      yield* Effect.forEach(similar, (storeId, index) =>
        Effect.provide(
          Effect.flatMap(EventLog, (log) => log.append(events(1, index + 1))),
          open(storeId)
        )
      )
      if (!durable) return
      const heads = yield* Effect.forEach(similar, (storeId) =>
        Effect.provide(
          Effect.flatMap(EventLog, (log) => log.head),
          open(storeId)
        )
      )
      expect(heads).toEqual(similar.map((_, index) => index + 1))
    })
  )

  test(
    "[LOG-1] of a batch that has one position twice, nothing is stored",
    Effect.gen(function* () {
      const log = yield* EventLog
      yield* log.append(events(1, 1))
      const twice: NonEmptyReadonlyArray<FrameText.EventParts> = [event(2), event(3), event(3)]
      expect(Either.getLeft(yield* Effect.either(log.append(twice)))).toMatchObject({
        value: { _tag: "StorageError" }
      })
      expect(seqNums(yield* log.read(0, ALL))).toEqual([1])
      yield* log.append(events(2, 3))
      expect(yield* log.head).toBe(3)
    })
  )

  test(
    "[LOG-1] the same batch again stores nothing",
    Effect.gen(function* () {
      const log = yield* EventLog
      yield* log.append(events(1, 3))
      const again = yield* Effect.either(log.append(events(1, 3)))
      expect(Either.getLeft(again)).toMatchObject({ value: { _tag: "HeadMismatch" } })
      expect(yield* log.stats).toMatchObject({ events: 3 })
    })
  )

  test(
    "[LOG-5] keeps an event of 1.5 MB between two others of a batch",
    Effect.gen(function* () {
      const log = yield* EventLog
      const args = JSON.stringify("\u65e5".repeat(499_000))
      yield* log.append([event(1), event(2, { args }), event(3)])
      const entries = yield* log.read(0, ALL)
      expect(seqNums(entries)).toEqual([1, 2, 3])
      expect(entries[1]?.json).toContain(args)
      expect(entries[1]?.bytes).toBe(new TextEncoder().encode(entries[1]?.json).length)
    }),
    30_000
  )
}
