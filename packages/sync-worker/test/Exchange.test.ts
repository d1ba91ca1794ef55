/** One request without a socket, over a log that the test has a hand on. */
import { describe, expect } from "@effect/vitest"
import { Frame } from "@tidelog/sync-protocol"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/TestClock"
import type { Session } from "../src/Connection.ts"
import * as Exchange from "../src/Exchange.ts"
import { SyncServer } from "../src/SyncServer.ts"
import * as Frames from "./support/frames.ts"
import { events, range, STORE_ID } from "./support/frames.ts"
import { TestAlarm } from "./support/TestAlarm.ts"
import { connect } from "./support/TestConnection.ts"
import * as TestLog from "./support/TestLog.ts"
import { testServer } from "./support/TestServer.ts"

const decodeRequest = Schema.decodeSync(Schema.parseJson(Frame.Request))
const decodeChunk = Schema.decodeSync(Schema.parseJson(Frame.Chunk))

const ask = (text: string, session: Partial<Session> = {}) =>
  Effect.flatMap(SyncServer, (server) =>
    Exchange.open(
      server,
      { connectionId: "x", storeId: STORE_ID, headers: {}, ...session },
      decodeRequest(text),
      text.length
    )
  )

const pull = (options: Parameters<typeof Frames.pull>[1] = {}) =>
  ask(Frames.pull("1", { live: false, ...options }))

const exitOf = (part: Exchange.Part): unknown =>
  part._tag === "Exit" ? JSON.parse(part.text).exit : part

const seqNumsOf = (part: Exchange.Part): ReadonlyArray<number> =>
  part._tag === "Chunk"
    ? decodeChunk(part.text).values.flatMap(({ batch }) =>
        batch.map(({ eventEncoded }) => eventEncoded.seqNum)
      )
    : []

/** All parts of an answer. */
const takeAll = (exchange: Exchange.Exchange) =>
  Effect.gen(function* () {
    const parts = [yield* exchange.next]
    while (parts.at(-1)?._tag === "Chunk") parts.push(yield* exchange.next)
    return parts
  })

const counts = Effect.flatMap(SyncServer, ({ admin }) =>
  Effect.map(admin.info, ({ sockets, subscriptions }) => ({ sockets, subscriptions }))
)

/** 2,000 events that are in the log, and not in the server's memory. */
const withHistory = Effect.gen(function* () {
  const log = yield* TestLog.TestLog
  yield* log.appendBehind(events(1, 2_000))
  // It notices only then.
  yield* TestClock.adjust("1 second")
  return log
})

const PAGES = { limits: { maxPageEvents: 100 } }

describe("Exchange", () => {
  testServer(
    "[HTTP-3] delivers a log page by page, and ends",
    Effect.gen(function* () {
      yield* withHistory
      const parts = yield* takeAll(yield* pull())
      expect(parts.flatMap(seqNumsOf)).toEqual(range(1, 2_000))
      expect(parts).toHaveLength(21)
      expect(exitOf(parts[20] ?? { _tag: "Closed", code: 0, reason: "" })).toEqual(Frames.ended)
    }),
    PAGES
  )

  testServer(
    "[HTTP-3] reads no more than two pages ahead of its reader, and nothing once that has left",
    Effect.gen(function* () {
      const log = yield* withHistory
      const exchange = yield* pull()
      const reads = () => log.calls.filter((call) => call === "read").length
      expect(seqNumsOf(yield* exchange.next)).toEqual(range(1, 100))
      yield* TestClock.adjust("10 seconds")
      expect(reads()).toBe(2)
      expect(seqNumsOf(yield* exchange.next)).toEqual(range(101, 200))
      yield* TestClock.adjust("10 seconds")
      expect(reads()).toBe(3)
      yield* exchange.leave
      yield* TestClock.adjust("10 seconds")
      expect(reads()).toBe(3)
      expect(yield* counts).toEqual({ sockets: 0, subscriptions: 0 })
    }),
    PAGES
  )

  testServer(
    "[HTTP-3] gives up a reader that takes nothing for a minute, and no slow one",
    Effect.gen(function* () {
      yield* withHistory
      const exchange = yield* pull()
      for (const first of [1, 101, 201]) {
        expect(seqNumsOf(yield* exchange.next)).toEqual(range(first, first + 99))
        yield* TestClock.adjust("50 seconds")
      }
      expect(yield* counts).toEqual({ sockets: 1, subscriptions: 1 })
      yield* TestClock.adjust("10 seconds")
      expect(yield* counts).toEqual({ sockets: 0, subscriptions: 0 })
      const parts = yield* takeAll(exchange)
      expect(parts.at(-1)).toMatchObject({ _tag: "Closed", code: 1013 })
    }),
    PAGES
  )

  testServer(
    "[HTTP-8] leaves nothing behind, and asks for no alarm",
    Effect.gen(function* () {
      const { asked } = yield* TestAlarm
      const session = { expiresAt: 60_000 }
      yield* takeAll(yield* ask(Frames.push("1", events(1, 3)), session))
      yield* takeAll(yield* ask(Frames.pull("1", { live: false }), session))
      expect(yield* counts).toEqual({ sockets: 0, subscriptions: 0 })
      expect(asked).toEqual([])
    })
  )

  testServer(
    "[HTTP-8] waits for nobody any more who has left",
    Effect.gen(function* () {
      yield* withHistory
      const server = yield* SyncServer
      let ends = 0
      const exchange = yield* Effect.provideService(pull(), SyncServer, {
        ...server,
        disconnect: (connection) => {
          ends += 1
          return server.disconnect(connection)
        }
      })
      yield* exchange.next
      yield* exchange.leave
      yield* TestClock.adjust("2 minutes")
      expect(ends).toBe(1)
    }),
    PAGES
  )

  testServer(
    "[HTTP-4] a push is stored once, and a reader on a socket is sent it",
    Effect.gen(function* () {
      const log = yield* TestLog.TestLog
      const reader = yield* connect()
      yield* reader.say(Frames.pull("1"))
      const push = ask(Frames.push("7", events(1, 3)))
      for (const exchange of [yield* push, yield* push]) {
        expect(exitOf(yield* exchange.next)).toEqual(Frames.accepted)
      }
      expect(yield* log.stored).toEqual([1, 2, 3])
      expect(reader.seqNums("1")).toEqual([1, 2, 3])
      const behind = yield* ask(Frames.push("8", events(1, 1, { name: "another" })))
      expect(exitOf(yield* behind.next)).toEqual(Frames.serverAhead(3, 0))
    })
  )

  testServer(
    "[HTTP-5] tells that the log cannot be read, also in between",
    Effect.gen(function* () {
      const log = yield* withHistory
      const exchange = yield* pull()
      yield* exchange.next
      yield* TestClock.adjust("1 second")
      log.next("read", TestLog.failBefore)
      const parts = yield* takeAll(exchange)
      expect(parts.map(({ _tag }) => _tag)).toEqual(["Chunk", "Closed"])
      expect(parts.at(-1)).toMatchObject({ code: 1013 })
      expect(yield* counts).toEqual({ sockets: 0, subscriptions: 0 })
    }),
    PAGES
  )

  testServer(
    "[AUTH-8] is sent nothing after its identity has ended",
    Effect.gen(function* () {
      yield* withHistory
      const exchange = yield* ask(Frames.pull("1", { live: false }), { expiresAt: 5_000 })
      yield* exchange.next
      yield* TestClock.adjust("4 seconds")
      const parts = yield* takeAll(exchange)
      expect(parts).toMatchObject([{ _tag: "Closed", code: 4401 }])
    }),
    PAGES
  )

  testServer(
    "[HTTP-5] gives up on what takes longer than 30 s",
    Effect.gen(function* () {
      const log = yield* TestLog.TestLog
      log.next("append", TestLog.waitBefore(yield* TestLog.makeGate))
      const exchange = yield* ask(Frames.push("1", events(1)))
      const next = yield* Effect.fork(exchange.next)
      yield* TestClock.adjust("30 seconds")
      expect(yield* Fiber.join(next)).toMatchObject({ _tag: "Closed", code: 1013 })
      expect(yield* counts).toEqual({ sockets: 0, subscriptions: 0 })
    })
  )
})
