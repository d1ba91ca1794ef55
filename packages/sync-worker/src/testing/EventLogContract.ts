/**
 * The contract of an event log, as tests: any storage can be held to it.
 *
 * ```ts
 * describeEventLog("my storage", { layer: MyEventLog.layer, durable: true })
 * ```
 *
 * @since 0.1.0
 */
import { describe, expect, it } from "@effect/vitest"
import { FrameText, Message } from "@tidelog/sync-protocol"
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { EventLog } from "../EventLog.ts"
import type { EventLogService, LogEntry, PageSize } from "../EventLog.ts"
import { StoreId } from "../StoreId.ts"

/**
 * - `layer`: the log of the store that `StoreId` names. It is built anew for each test, for stores
 *   that no test before has used.
 * - `durable`: whether a log that is opened again still has its events.
 *
 * @since 0.1.0
 * @category models
 */
export interface EventLogUnderTest<E> {
  readonly layer: Layer.Layer<EventLog, E, StoreId>
  readonly durable: boolean
}

const CREATED_AT = "2026-01-02T03:04:05.678Z"

/** One page that holds everything. */
const ALL = { maxEvents: 100_000, maxBytes: Number.MAX_SAFE_INTEGER }

const event = (seqNum: number, options: Partial<FrameText.EventParts> = {}) => ({
  name: "todoCreated-v1",
  args: `{"id":"t${seqNum}"}`,
  seqNum,
  parentSeqNum: seqNum - 1,
  clientId: "client-a",
  sessionId: "session-a",
  createdAt: CREATED_AT,
  ...options
})

/** Events `from` to `to`, chained. */
const events = (
  from: number,
  to: number,
  options: Partial<FrameText.EventParts> = {}
): NonEmptyReadonlyArray<FrameText.EventParts> => [
  event(from, options),
  ...Array.from({ length: to - from }, (_, index) => event(from + 1 + index, options))
]

/** Any text that SQLite keeps: UTF-8 without a NUL (SPEC: PUSH-6). */
const storable = FastCheck.oneof(
  FastCheck.fullUnicodeString({ maxLength: 20 }),
  FastCheck.array(FastCheck.integer({ min: 1, max: 0x9f }), { maxLength: 20 }).map((codes) =>
    String.fromCharCode(...codes)
  )
).map((text) => text.replaceAll("\0", ""))

const toJson = (value: unknown): string => JSON.stringify(value)

type Step = Partial<FrameText.EventParts> & { readonly step: number }

/** Events whose numbers leap by their steps. */
const chain = (
  { step, ...first }: Step,
  rest: ReadonlyArray<Step>
): NonEmptyReadonlyArray<FrameText.EventParts> => {
  let head = step
  return [
    event(head, { ...first, parentSeqNum: 0 }),
    ...rest.map(({ step, ...parts }) => {
      const parentSeqNum = head
      head += step
      return event(head, { ...parts, parentSeqNum })
    })
  ]
}

const seqNums = (entries: ReadonlyArray<LogEntry>) => entries.map((entry) => entry.seqNum)

const decode = Schema.decodeUnknown(Schema.parseJson(Message.PulledEvent))

/**
 * Declares the tests of the contract.
 *
 * @since 0.1.0
 * @category tests
 */
export const describeEventLog = <E>(
  name: string,
  { durable, layer }: EventLogUnderTest<E>
): void => {
  let stores = 0
  const open = (storeId: string) => Layer.provide(layer, StoreId.layer(storeId))
  const newStoreId = () => `contract_${name.replace(/[^a-z0-9]/gi, "").toLowerCase()}_${stores++}`

  /** Declares a test on a new log. */
  const test = <A, E2>(rule: string, body: Effect.Effect<A, E2, EventLog>, timeout?: number) => {
    it.effect(rule, () => Effect.provide(body, open(newStoreId())), timeout)
  }

  describe(`EventLog: ${name}`, () => {
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
      "[LOG-3] reads after a cursor, up to a number of events",
      Effect.gen(function* () {
        const log = yield* EventLog
        yield* log.append(events(1, 10))
        expect(seqNums(yield* log.read(4, { ...ALL, maxEvents: 3 }))).toEqual([5, 6, 7])
        expect(seqNums(yield* log.read(9, { ...ALL, maxEvents: 3 }))).toEqual([10])
        expect(seqNums(yield* log.read(10, ALL))).toEqual([])
        expect(seqNums(yield* log.read(11, ALL))).toEqual([])
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

    it.effect("[LOG-2] has a backendId of its own", () =>
      Effect.gen(function* () {
        const ids = yield* Effect.forEach([newStoreId(), newStoreId()], (storeId) =>
          Effect.map(EventLog, ({ backendId }) => backendId).pipe(Effect.provide(open(storeId)))
        )
        expect(new Set(ids).size).toBe(2)
        for (const id of ids) expect(id).toMatch(/^[A-Za-z0-9_-]{1,64}$/)
      })
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
          bytes: new TextEncoder().encode(text).length
        })
        return page
      })

    test(
      "[LOG-10] a page is the text of the events that a read gives",
      Effect.gen(function* () {
        const log = yield* EventLog
        expect(yield* expectPage(log, 0, ALL)).toEqual({
          upTo: undefined,
          text: "",
          events: 0,
          bytes: 0
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
            step: FastCheck.oneof(
              FastCheck.constant(1),
              FastCheck.integer({ min: 1, max: 2 ** 48 })
            )
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

    test(
      "[LOG-6] after a reset, nothing can be appended by what was opened before",
      Effect.gen(function* () {
        const log = yield* EventLog
        yield* log.append(events(1, 3))
        yield* log.reset
        for (const batch of [events(1, 2), events(4, 4)]) {
          const result = yield* Effect.either(log.append(batch))
          expect(Either.getLeft(result)).toMatchObject({ value: { _tag: "HeadMismatch" } })
        }
        expect(yield* log.stats).toEqual({ events: 0, bytes: 0 })
      })
    )

    test(
      "[LOG-6] after a removal, nothing can be appended by what was opened before",
      Effect.gen(function* () {
        const log = yield* EventLog
        yield* log.append(events(1, 3))
        yield* log.remove
        yield* log.remove
        for (const batch of [events(1, 2), events(4, 4)]) {
          const result = yield* Effect.either(log.append(batch))
          expect(Either.getLeft(result)).toMatchObject({ value: { _tag: "StorageError" } })
        }
        expect(Either.isLeft(yield* Effect.either(log.reset))).toBe(true)
        expect(Either.isLeft(yield* Effect.either(log.renew))).toBe(true)
      })
    )

    if (durable) {
      /** Each time, the log of the store is opened anew. */
      const reopening = <A, E2>(
        rule: string,
        body: (
          visit: <B, E3>(
            use: (log: EventLogService) => Effect.Effect<B, E3>
          ) => Effect.Effect<B, E | E3>
        ) => Effect.Effect<A, E2>
      ) => {
        it.effect(rule, () => {
          const storeId = newStoreId()
          return body((use) => Effect.provide(Effect.flatMap(EventLog, use), open(storeId)))
        })
      }

      reopening("[LOG-2] is the same log when it is opened again", (visit) =>
        Effect.gen(function* () {
          const twoMore = (log: EventLogService) =>
            Effect.gen(function* () {
              const head = yield* log.head
              expect(log.initialHead).toBe(head)
              yield* log.append(events(head + 1, head + 2))
              return { head, backendId: log.backendId }
            })
          const first = yield* visit(twoMore)
          const second = yield* visit(twoMore)
          expect(first.head).toBe(0)
          expect(second).toEqual({ head: 2, backendId: first.backendId })
        })
      )

      reopening("[LOG-8] knows when it is opened when its head was stored", (visit) =>
        Effect.gen(function* () {
          const later = "2026-01-02T03:04:05.679Z"
          yield* visit((log) => log.append([event(1), event(2, { createdAt: later })]))
          yield* visit((log) =>
            Effect.sync(() =>
              expect(log).toMatchObject({ initialHead: 2, initialCreatedAt: later })
            )
          )
        })
      )

      reopening("[LOG-1] of two instances that append at one head, one does", (visit) =>
        visit((left) =>
          visit((right) =>
            Effect.gen(function* () {
              expect(right.backendId).toBe(left.backendId)
              for (const from of [1, 21, 41]) {
                const results = yield* Effect.forEach(
                  [left, right, left, right],
                  (log) => Effect.either(log.append(events(from, from + 19))),
                  { concurrency: "unbounded" }
                )
                expect(results.filter(Either.isRight)).toHaveLength(1)
              }
              expect(yield* left.head).toBe(60)
              expect(yield* right.stats).toEqual(yield* left.stats)
              expect(seqNums(yield* right.read(0, ALL))).toHaveLength(60)
            })
          )
        )
      )

      reopening("[LOG-6] a reset deletes the events and makes another backendId", (visit) =>
        Effect.gen(function* () {
          const before = yield* visit((log) => Effect.as(log.append(events(1, 3)), log.backendId))
          const after = yield* visit((log) => log.reset)
          expect(after).not.toBe(before)
          yield* visit((log) =>
            Effect.gen(function* () {
              expect(log).toMatchObject({ backendId: after, initialHead: 0 })
              expect(log.initialCreatedAt).toBeUndefined()
              expect(yield* log.read(0, ALL)).toEqual([])
              yield* log.append(events(1, 1))
            })
          )
        })
      )

      reopening("[LOG-6] a renewal keeps the events and makes another backendId", (visit) =>
        Effect.gen(function* () {
          const old = yield* visit((log) => Effect.as(log.append(events(1, 3)), log))
          const after = yield* visit((log) => log.renew)
          expect(after).not.toBe(old.backendId)
          yield* visit((log) =>
            Effect.gen(function* () {
              expect(log).toMatchObject({ backendId: after, initialHead: 3 })
              const result = yield* Effect.either(old.append(events(4, 4)))
              expect(Either.getLeft(result)).toMatchObject({ value: { _tag: "HeadMismatch" } })
              yield* log.append(events(4, 5))
              expect(seqNums(yield* log.read(0, ALL))).toEqual([1, 2, 3, 4, 5])
            })
          )
        })
      )

      reopening("[LOG-6] a log that was removed is a new one when it is opened again", (visit) =>
        Effect.gen(function* () {
          const old = yield* visit((log) => Effect.as(log.append(events(1, 3)), log))
          yield* visit((log) => log.remove)
          yield* visit((log) =>
            Effect.gen(function* () {
              expect(log.initialHead).toBe(0)
              expect(log.backendId).not.toBe(old.backendId)
              const result = yield* Effect.either(old.append(events(1, 1)))
              expect(Either.getLeft(result)).toMatchObject({ value: { _tag: "HeadMismatch" } })
              yield* log.append(events(1, 2))
              expect(seqNums(yield* log.read(0, ALL))).toEqual([1, 2])
            })
          )
        })
      )

      it.effect("[LOG-6] a store that is reset, renewed or removed leaves the others alone", () =>
        Effect.gen(function* () {
          const stores = [newStoreId(), newStoreId()]
          const [other = "", changed = ""] = stores
          const visit = <A, E3>(
            storeId: string,
            use: (log: EventLogService) => Effect.Effect<A, E3>
          ) => Effect.provide(Effect.flatMap(EventLog, use), open(storeId))
          const backendId = yield* visit(other, (log) =>
            Effect.as(log.append(events(1, 3)), log.backendId)
          )
          yield* visit(changed, (log) => Effect.zipRight(log.append(events(1, 3)), log.renew))
          yield* visit(changed, (log) => log.reset)
          yield* visit(changed, (log) => log.remove)
          const seen = yield* visit(other, (log) => Effect.succeed(log))
          expect(seen).toMatchObject({ backendId, initialHead: 3 })
        })
      )
    }
  })
}
