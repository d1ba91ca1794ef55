import { describe, expect, it } from "@effect/vitest"
import { LogEvent } from "@tidelog/sync-protocol"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { SyncServer } from "../src/SyncServer.ts"
import * as Frames from "./support/frames.ts"
import { events, range } from "./support/frames.ts"
import { connect } from "./support/TestConnection.ts"
import type { TestConnection } from "./support/TestConnection.ts"
import * as TestLog from "./support/TestLog.ts"
import { layer, testServer } from "./support/TestServer.ts"

/** Pages so small that a few events make many. */
const SMALL_PAGES = { limits: { maxPageEvents: 2 } }

const NO_MORE = { _tag: "NoMore" }
const more = (remaining: number) => ({ _tag: "MoreKnown", remaining })

/** A connection that has pushed events `from` to `to`. */
const pushed = Effect.fnUntraced(function* (from: number, to: number) {
  const pusher = yield* connect()
  yield* pusher.say(Frames.push("1", events(from, to)))
  expect(pusher.exits("1")).toEqual([Frames.accepted])
  return pusher
})

/** A log with events that the server has not in memory. */
const withHistory = (to: number) =>
  Effect.gen(function* () {
    const log = yield* TestLog.TestLog
    yield* log.appendBehind(events(1, to))
    // The server learns of them as it would of any other writer's.
    const reader = yield* connect()
    yield* reader.say(Frames.pull("1", { after: to, backendId: log.behind.backendId }))
    yield* reader.leave()
    log.calls.length = 0
  })

describe("catching up", () => {
  testServer(
    "[PULL-2] answers with an empty page where there is nothing, and names the log",
    Effect.gen(function* () {
      const { behind } = yield* TestLog.TestLog
      for (const live of [true, false]) {
        const reader = yield* connect()
        yield* reader.say(Frames.pull("1", { live }))
        expect(reader.pages("1")).toEqual([
          { batch: [], pageInfo: NO_MORE, backendId: behind.backendId }
        ])
      }
    })
  )

  testServer(
    "[PULL-2] answers with an empty page at the head",
    Effect.gen(function* () {
      yield* withHistory(3)
      const { backendId } = (yield* TestLog.TestLog).behind
      const reader = yield* connect()
      yield* reader.say(Frames.pull("1", { after: 3, backendId }))
      expect(reader.pages("1")).toEqual([{ batch: [], pageInfo: NO_MORE, backendId }])
    })
  )

  testServer(
    "[PULL-1] delivers what was pushed, as it was pushed",
    Effect.gen(function* () {
      const batch = [
        ...events(1, 2, { args: { text: "ä 🌊 \u2028", list: [1, null, { deep: true }] } }),
        ...events(3, 3, { args: undefined }),
        ...events(4, 4, { args: null })
      ]
      const pusher = yield* connect()
      yield* pusher.say(Frames.push("1", batch))
      yield* pusher.say(Frames.pull("2", { live: false }))
      const received = pusher
        .pages("2")
        .flatMap((page) => page.batch.map(({ eventEncoded }) => eventEncoded))
      expect(received).toHaveLength(4)
      for (const [index, event] of batch.entries()) {
        const echo = received[index]
        expect(echo !== undefined && LogEvent.isSame(event, echo)).toBe(true)
      }
      expect(JSON.stringify(received[2])).not.toContain("args")
      expect(JSON.stringify(received[3])).toContain(`"args":null`)
    })
  )

  testServer(
    "[PULL-3] pages tell how far the head is",
    Effect.gen(function* () {
      yield* withHistory(5)
      const reader = yield* connect()
      yield* reader.say(Frames.pull("1", { live: false }))
      expect(reader.seqNums("1")).toEqual(range(1, 5))
      expect(reader.pageInfos("1")).toEqual([more(3), more(1), NO_MORE])
    }),
    SMALL_PAGES
  )

  testServer(
    "[PULL-3] a reader that has caught up is sent a NoMore page for each push",
    Effect.gen(function* () {
      const reader = yield* connect()
      yield* reader.say(Frames.pull("1"))
      yield* pushed(1, 1)
      yield* pushed(2, 3)
      expect(reader.pageInfos("1")).toEqual([NO_MORE, NO_MORE, NO_MORE])
      expect(reader.seqNums("1")).toEqual(range(1, 3))
    })
  )

  testServer(
    "[PULL-3] pages hold no more bytes than the limit, but for a larger event",
    Effect.gen(function* () {
      const pusher = yield* connect()
      const large = events(4, 4, { args: "x".repeat(5_000) })
      yield* pusher.say(Frames.push("1", [...events(1, 3), ...large, ...events(5, 6)]))
      yield* pusher.say(Frames.pull("2", { live: false }))
      expect(pusher.pages("2").map(({ batch }) => batch.length)).toEqual([3, 1, 2])
    }),
    { limits: { maxPageBytes: 1_000 } }
  )

  testServer(
    "[PULL-4] a pull that is not live ends after the last page; a late Ack finds nothing",
    Effect.gen(function* () {
      yield* withHistory(3)
      const reader = yield* connect()
      yield* reader.say(Frames.pull("1", { live: false }))
      expect(reader.order()).toEqual(["Chunk 1", "Chunk 1", "Exit 1"])
      expect(reader.exits("1")).toEqual([Frames.ended])
      yield* reader.say(Frames.ack("1"))
      yield* reader.say(Frames.ack("1"))
      yield* pushed(4, 4)
      expect(reader.frames).toHaveLength(3)
      expect(reader.saved).toEqual([])
    }),
    SMALL_PAGES
  )

  testServer(
    "[PULL-4] a live pull goes on after it has caught up",
    Effect.gen(function* () {
      yield* withHistory(3)
      const reader = yield* connect()
      yield* reader.say(Frames.pull("1"))
      yield* pushed(4, 6)
      expect(reader.exits("1")).toEqual([])
      expect(reader.seqNums("1")).toEqual(range(1, 6))
    }),
    SMALL_PAGES
  )

  testServer(
    "[PULL-1] a push in the middle of a long catch-up comes after it, once",
    Effect.gen(function* () {
      yield* withHistory(7)
      const log = yield* TestLog.TestLog
      const gates = [yield* TestLog.makeGate, yield* TestLog.makeGate]
      log.next("read", ...gates.flatMap((gate) => [TestLog.waitAfter(gate)]))
      const reader = yield* connect()
      const catchingUp = yield* Effect.fork(reader.say(Frames.pull("1")))
      for (const [index, gate] of gates.entries()) {
        yield* gate.reached
        // Its receive ends only when everybody was served, so it waits for the reader as well.
        const pusher = yield* connect()
        const pushing = yield* Effect.fork(
          pusher.say(Frames.push("1", events(8 + index, 8 + index)))
        )
        yield* Effect.yieldNow()
        expect(reader.seqNums("1")).toEqual(range(1, 2 * index))
        yield* gate.open
        yield* Fiber.join(pushing)
        expect(pusher.exits("1")).toEqual([Frames.accepted])
      }
      yield* Fiber.join(catchingUp)
      expect(reader.seqNums("1")).toEqual(range(1, 9))
      expect(reader.pageInfos("1").at(-1)).toEqual(NO_MORE)
    }),
    SMALL_PAGES
  )

  testServer(
    "[PULL-4] a pull that is not live takes along what is pushed before its last page",
    Effect.gen(function* () {
      yield* withHistory(3)
      const log = yield* TestLog.TestLog
      const gate = yield* TestLog.makeGate
      log.next("read", TestLog.waitAfter(gate))
      const reader = yield* connect()
      const catchingUp = yield* Effect.fork(reader.say(Frames.pull("1", { live: false })))
      yield* gate.reached
      const pusher = yield* connect()
      yield* pusher.say(Frames.push("1", events(4, 4)))
      yield* gate.open
      yield* Fiber.join(catchingUp)
      expect(reader.seqNums("1")).toEqual(range(1, 4))
      expect(reader.exits("1")).toEqual([Frames.ended])
    }),
    SMALL_PAGES
  )

  testServer(
    "[PULL-1] a read that is overtaken by the append it already sees repeats nothing",
    Effect.gen(function* () {
      yield* withHistory(2)
      const log = yield* TestLog.TestLog
      const gate = yield* TestLog.makeGate
      log.next("append", TestLog.waitAfter(gate))
      const pusher = yield* connect()
      const pushing = yield* Effect.fork(pusher.say(Frames.push("1", events(3, 5))))
      yield* gate.reached
      // The events are stored, and the server does not know it yet.
      const reader = yield* connect()
      yield* reader.say(Frames.pull("1"))
      yield* gate.open
      yield* Fiber.join(pushing)
      yield* pushed(6, 6)
      expect(reader.seqNums("1")).toEqual(range(1, 6))
    })
  )
})

describe("readers that are slow", () => {
  testServer(
    "[PULL-5] at most 16 chunks are unacknowledged; the reader goes on once it takes more",
    Effect.gen(function* () {
      yield* withHistory(40)
      const reader = yield* connect()
      yield* reader.say(Frames.pull("1"))
      expect(reader.seqNums("1")).toEqual(range(1, 32))
      // Neither a push nor an Ack of something else moves it.
      const pusher = yield* pushed(41, 41)
      yield* reader.say(Frames.ack("2"))
      expect(reader.seqNums("1")).toEqual(range(1, 32))
      yield* reader.say(Frames.ack("1"))
      expect(reader.seqNums("1")).toEqual(range(1, 34))
      for (let acks = 0; acks < 20; acks++) yield* reader.say(Frames.ack("1"))
      expect(reader.seqNums("1")).toEqual(range(1, 41))
      expect(reader.pageInfos("1").at(-1)).toEqual(NO_MORE)
      expect(pusher.closed).toBeUndefined()
    }),
    SMALL_PAGES
  )

  testServer(
    "[PULL-5] a reader that stops acknowledging delays nobody, and misses nothing",
    Effect.gen(function* () {
      const silent = yield* connect()
      const keen = yield* connect()
      for (const reader of [silent, keen]) yield* reader.say(Frames.pull("1"))
      const pusher = yield* connect()
      for (let seqNum = 1; seqNum <= 30; seqNum++) {
        yield* pusher.say(Frames.push(String(seqNum), events(seqNum)))
        yield* keen.say(Frames.ack("1"))
        expect(keen.seqNums("1")).toEqual(range(1, seqNum))
      }
      expect(silent.pages("1")).toHaveLength(16)
      expect(silent.seqNums("1")).toEqual(range(1, 15))
      // One page may now hold all that it missed.
      yield* silent.say(Frames.ack("1"))
      expect(silent.pages("1")).toHaveLength(17)
      expect(silent.seqNums("1")).toEqual(range(1, 30))
    })
  )

  const LARGE = { args: { text: "x".repeat(1_500_000) } }

  testServer(
    "[PULL-5] no further chunk follows 4,000,000 bytes that are unacknowledged",
    Effect.gen(function* () {
      const silent = yield* connect()
      yield* silent.say(Frames.pull("1"))
      const pusher = yield* connect()
      for (let seqNum = 1; seqNum <= 10; seqNum++) {
        yield* pusher.say(Frames.push(String(seqNum), events(seqNum, seqNum, LARGE)))
        expect(pusher.exits(String(seqNum))).toEqual([Frames.accepted])
      }
      expect(silent.seqNums("1")).toEqual([1, 2, 3])
      // The first answers the empty page.
      yield* silent.say(Frames.ack("1"))
      expect(silent.seqNums("1")).toEqual([1, 2, 3])
      yield* silent.say(Frames.ack("1"))
      expect(silent.seqNums("1")).toEqual(range(1, 4))
      for (let acks = 0; acks < 10; acks++) yield* silent.say(Frames.ack("1"))
      expect(silent.seqNums("1")).toEqual(range(1, 10))
      // After a sleep nobody knows how large the chunks were that are still unacknowledged.
      const woken = yield* connect(silent.saved)
      yield* woken.say(Frames.ack("1"))
      for (let seqNum = 11; seqNum <= 20; seqNum++) {
        yield* pusher.say(Frames.push(String(seqNum), events(seqNum, seqNum, LARGE)))
      }
      expect(woken.seqNums("1")).toEqual([11, 12, 13])
    })
  )

  testServer(
    "[PULL-5][PULL-14] beside those, a sparing reader owes nine events however large they are",
    Effect.gen(function* () {
      const reader = yield* connect()
      yield* reader.say(Frames.pull("1", { sparing: true }))
      yield* reader.say(Frames.ack("1"))
      const pusher = yield* connect()
      for (let seqNum = 1; seqNum <= 15; seqNum++) {
        yield* pusher.say(Frames.push(String(seqNum), events(seqNum, seqNum, LARGE)))
      }
      expect(reader.seqNums("1")).toEqual(range(1, 10))
      yield* reader.say(Frames.ack("1", 10))
      expect(reader.seqNums("1")).toEqual(range(1, 15))
    })
  )

  testServer(
    "[PULL-5] Acks beyond what was sent earn no larger window",
    Effect.gen(function* () {
      const reader = yield* connect()
      yield* reader.say(Frames.pull("1"))
      for (let acks = 0; acks < 50; acks++) yield* reader.say(Frames.ack("1"))
      for (let seqNum = 1; seqNum <= 20; seqNum++) yield* pushed(seqNum, seqNum)
      expect(reader.seqNums("1")).toEqual(range(1, 16))
    })
  )

  testServer(
    "[PULL-1] a slow storage delays only who has to read from it",
    Effect.gen(function* () {
      yield* withHistory(3)
      const log = yield* TestLog.TestLog
      const gate = yield* TestLog.makeGate
      log.next("read", TestLog.waitBefore(gate))
      const behind = yield* connect()
      const catchingUp = yield* Effect.fork(behind.say(Frames.pull("1")))
      yield* gate.reached
      const reader = yield* connect()
      yield* reader.say(Frames.pull("1", { after: 3, backendId: log.behind.backendId }))
      const pusher = yield* pushed(4, 4)
      expect(reader.seqNums("1")).toEqual([4])
      expect(pusher.exits("1")).toEqual([Frames.accepted])
      expect(behind.pages("1")).toEqual([])
      yield* gate.open
      yield* Fiber.join(catchingUp)
      expect(behind.seqNums("1")).toEqual(range(1, 4))
    })
  )
})

describe("the end of a pull", () => {
  testServer(
    "[PULL-6] an Interrupt ends a live pull, and no chunk follows",
    Effect.gen(function* () {
      const reader = yield* connect()
      yield* reader.say(Frames.pull("1"))
      yield* reader.say(Frames.interrupt("1"))
      expect(reader.exits("1")).toEqual([Frames.interrupted])
      yield* pushed(1, 1)
      yield* reader.say(Frames.ack("1"))
      expect(reader.order()).toEqual(["Chunk 1", "Exit 1"])
      expect(reader.saved).toEqual([])
    })
  )

  testServer(
    "[PULL-6] an Interrupt while a page is read ends the pull before that page",
    Effect.gen(function* () {
      yield* withHistory(3)
      const log = yield* TestLog.TestLog
      const gate = yield* TestLog.makeGate
      log.next("read", TestLog.waitAfter(gate))
      const reader = yield* connect()
      const catchingUp = yield* Effect.fork(reader.say(Frames.pull("1")))
      yield* gate.reached
      yield* reader.say(Frames.interrupt("1"))
      // The same id again is another pull.
      yield* reader.say(Frames.pull("1", { after: 3, backendId: log.behind.backendId }))
      yield* gate.open
      yield* Fiber.join(catchingUp)
      expect(reader.order()).toEqual(["Exit 1", "Chunk 1"])
      expect(reader.seqNums("1")).toEqual([])
      yield* pushed(4, 4)
      expect(reader.seqNums("1")).toEqual([4])
    })
  )

  it.effect("[PULL-6] an Interrupt while onPull thinks ends the pull, and once", () =>
    Effect.gen(function* () {
      for (const answer of [Effect.void, Effect.fail("no")]) {
        const gate = yield* TestLog.makeGate
        const body = Effect.gen(function* () {
          const reader = yield* connect()
          const asking = yield* Effect.fork(reader.say(Frames.pull("1")))
          yield* gate.reached
          yield* reader.say(Frames.interrupt("1"))
          expect(reader.exits("1")).toEqual([Frames.interrupted])
          yield* gate.open
          yield* Fiber.join(asking)
          yield* reader.say(Frames.push("2", events(1)))
          expect(reader.order()).toEqual(["Exit 1", "Exit 2"])
          expect(reader.saved).toEqual([])
        })
        const onPull = () => Effect.zipRight(gate.pass, answer)
        yield* Effect.provide(body, layer({ onPull }))
      }
    })
  )

  testServer(
    "[FRAME-7] an Ack or an Interrupt of nothing is ignored",
    Effect.gen(function* () {
      const reader = yield* connect()
      yield* reader.say(Frames.ack("1"))
      yield* reader.say(Frames.interrupt("1"))
      yield* reader.say(Frames.pull("2", { live: false }))
      yield* reader.say(Frames.interrupt("2"))
      yield* reader.say(Frames.ack("2"))
      expect(reader.order()).toEqual(["Chunk 2", "Exit 2"])
      expect(reader.closed).toBeUndefined()
    })
  )
})

describe("cursors", () => {
  testServer(
    "[PULL-7] a cursor of another log is refused, also where the log is longer",
    Effect.gen(function* () {
      yield* withHistory(5)
      const { backendId } = (yield* TestLog.TestLog).behind
      const reader = yield* connect()
      yield* reader.say(Frames.pull("1", { after: 3, backendId: "another" }))
      expect(reader.order()).toEqual(["Exit 1"])
      expect(reader.exits("1")).toEqual([
        Frames.failed({
          _tag: "BackendIdMismatchError",
          expected: backendId,
          received: "another"
        })
      ])
      yield* pushed(6, 6)
      expect(reader.frames).toHaveLength(1)
    })
  )

  testServer(
    "[PULL-7] a cursor beyond the head is refused",
    Effect.gen(function* () {
      yield* withHistory(5)
      const { backendId } = (yield* TestLog.TestLog).behind
      const reader = yield* connect()
      yield* reader.say(Frames.pull("1", { after: 6, backendId }))
      expect(reader.exits("1")).toEqual([
        Frames.failed({
          _tag: "BackendIdMismatchError",
          expected: backendId,
          received: backendId
        })
      ])
    })
  )

  testServer(
    "[PULL-7] a cursor beyond what the server knows, though not beyond the log, is served",
    Effect.gen(function* () {
      const { appendBehind, behind } = yield* TestLog.TestLog
      yield* appendBehind(events(1, 5))
      const reader = yield* connect()
      yield* reader.say(Frames.pull("1", { after: 4, backendId: behind.backendId }))
      expect(reader.seqNums("1")).toEqual([5])
    })
  )

  /** A pull after event 3, which is said to be of a certain time. What it ended with, if it did. */
  const pullAsOf = (createdAt: string, after = 3) =>
    Effect.gen(function* () {
      const { behind } = yield* TestLog.TestLog
      const reader = yield* connect()
      const { backendId } = behind
      yield* reader.say(Frames.pull("1", { after, backendId, createdAt }))
      return { exits: reader.exits("1"), seqNums: reader.seqNums("1"), backendId }
    })

  testServer(
    "[PULL-12] a cursor on the event that the log has is served, from memory and from the log",
    Effect.gen(function* () {
      yield* withHistory(3)
      const log = yield* TestLog.TestLog
      const createdAt = (yield* log.behind.createdAt(3)) ?? ""
      expect(yield* pullAsOf(createdAt)).toMatchObject({ exits: [], seqNums: [] })
      yield* pushed(4, 5)
      expect(yield* pullAsOf(createdAt)).toMatchObject({ exits: [], seqNums: [4, 5] })
      const asked = log.calls.filter((call) => call === "createdAt").length
      const recent = (yield* log.behind.createdAt(4)) ?? ""
      expect(yield* pullAsOf(recent, 4)).toMatchObject({ exits: [], seqNums: [5] })
      expect(log.calls.filter((call) => call === "createdAt")).toHaveLength(asked)
    })
  )

  testServer(
    "[PULL-12] a cursor on another event than the log has is of another log, though the head is beyond",
    Effect.gen(function* () {
      yield* withHistory(3)
      yield* pushed(4, 5)
      for (const after of [2, 3, 4, 5]) {
        const { backendId, exits, seqNums } = yield* pullAsOf("2025-12-31T00:00:00.000Z", after)
        expect(seqNums).toEqual([])
        expect(exits).toEqual([
          Frames.failed({
            _tag: "BackendIdMismatchError",
            expected: backendId,
            received: backendId
          })
        ])
      }
    })
  )

  testServer(
    "[PULL-12][PULL-11] if the log cannot say what it has there, the connection is closed as transient",
    Effect.gen(function* () {
      yield* withHistory(3)
      yield* pushed(4, 5)
      const log = yield* TestLog.TestLog
      log.next("createdAt", TestLog.failBefore)
      const reader = yield* connect()
      const { backendId } = log.behind
      yield* reader.say(Frames.pull("1", { after: 2, backendId, createdAt: "then" }))
      expect(reader.closed?.code).toBe(1013)
      expect(reader.exits("1")).toEqual([])
    })
  )

  testServer(
    "[PULL-1] an answer about the head that comes late takes back nothing that was pushed since",
    Effect.gen(function* () {
      yield* pushed(1, 1)
      const log = yield* TestLog.TestLog
      const gate = yield* TestLog.makeGate
      log.next("head", TestLog.waitAfter(gate))
      const lost = yield* connect()
      const asking = yield* Effect.fork(
        lost.say(Frames.pull("1", { after: 9, backendId: log.behind.backendId }))
      )
      yield* gate.reached
      yield* pushed(2, 2)
      yield* gate.open
      yield* Fiber.join(asking)
      const reader = yield* connect()
      yield* reader.say(Frames.pull("1", { after: 1, backendId: log.behind.backendId }))
      expect(reader.seqNums("1")).toEqual([2])
    })
  )

  testServer(
    "[PULL-1] an append that is answered late takes back nothing that was read since",
    Effect.gen(function* () {
      const log = yield* TestLog.TestLog
      const { backendId } = log.behind
      const gate = yield* TestLog.makeGate
      log.next("append", TestLog.waitAfter(gate))
      const pusher = yield* connect()
      const pushing = yield* Effect.fork(pusher.say(Frames.push("1", events(1))))
      yield* gate.reached
      yield* log.appendBehind(events(2))
      const first = yield* connect()
      yield* first.say(Frames.pull("1", { after: 2, backendId }))
      yield* gate.open
      yield* Fiber.join(pushing)
      const second = yield* connect()
      yield* second.say(Frames.pull("1", { after: 1, backendId }))
      expect(second.seqNums("1")).toEqual([2])
    })
  )

  testServer(
    "[PULL-8] several pulls on one connection each have their own cursor",
    Effect.gen(function* () {
      yield* withHistory(4)
      const { backendId } = (yield* TestLog.TestLog).behind
      const reader = yield* connect()
      yield* reader.say(Frames.pull("1"))
      yield* reader.say(Frames.pull("2", { after: 3, backendId }))
      yield* reader.say(Frames.pull("3", { after: 2, backendId, live: false }))
      yield* pushed(5, 5)
      yield* reader.say(Frames.interrupt("1"))
      yield* pushed(6, 6)
      expect(reader.seqNums("1")).toEqual(range(1, 5))
      expect(reader.seqNums("2")).toEqual(range(4, 6))
      expect(reader.seqNums("3")).toEqual(range(3, 4))
    })
  )

  testServer(
    "[PULL-8] the 17th pull of a connection is refused, until another has ended",
    Effect.gen(function* () {
      const reader = yield* connect()
      for (const id of range(1, 17)) yield* reader.say(Frames.pull(String(id)))
      expect(reader.exits("17")).toEqual([
        Frames.refused("TooManySubscriptions", "a connection may have 16 open pulls")
      ])
      yield* reader.say(Frames.interrupt("3"))
      yield* reader.say(Frames.pull("18"))
      yield* pushed(1, 1)
      expect(reader.seqNums("18")).toEqual([1])
      expect(reader.seqNums("16")).toEqual([1])
      expect(reader.seqNums("17")).toEqual([])
    })
  )
})

describe("pulls that outlive the memory", () => {
  /** The same connection, as a server meets it that has just come into memory. */
  const resumed = Effect.fnUntraced(function* (connection: TestConnection) {
    const server = yield* SyncServer
    yield* server.disconnect(connection)
    yield* server.connect(connection, connection.state)
  })

  testServer(
    "[PULL-9] the next event is delivered as if nothing had been",
    Effect.gen(function* () {
      yield* withHistory(3)
      const reader = yield* connect()
      yield* reader.say(Frames.pull("1"))
      const before = reader.frames.length
      yield* resumed(reader)
      expect(reader.frames).toHaveLength(before)
      yield* pushed(4, 4)
      expect(reader.seqNums("1")).toEqual(range(1, 4))
    })
  )

  testServer(
    "[PULL-9] what was stored meanwhile is delivered at once",
    Effect.gen(function* () {
      const reader = yield* connect()
      yield* reader.say(Frames.pull("1"))
      yield* (yield* SyncServer).disconnect(reader)
      yield* pushed(1, 2)
      yield* resumed(reader)
      expect(reader.seqNums("1")).toEqual([1, 2])
    })
  )

  testServer(
    "[PULL-9] the window is as it was, and opens with the next Ack",
    Effect.gen(function* () {
      yield* withHistory(40)
      const reader = yield* connect()
      yield* reader.say(Frames.pull("1"))
      yield* resumed(reader)
      expect(reader.seqNums("1")).toEqual(range(1, 32))
      yield* reader.say(Frames.ack("1"))
      expect(reader.seqNums("1")).toEqual(range(1, 34))
    }),
    SMALL_PAGES
  )

  testServer(
    "[PULL-9] a pull that is not live ends after it as it would have before",
    Effect.gen(function* () {
      yield* withHistory(40)
      const reader = yield* connect()
      yield* reader.say(Frames.pull("1", { live: false }))
      yield* resumed(reader)
      for (let acks = 0; acks < 4; acks++) yield* reader.say(Frames.ack("1"))
      expect(reader.seqNums("1")).toEqual(range(1, 40))
      expect(reader.exits("1")).toEqual([Frames.ended])
      expect(reader.saved).toEqual([])
    }),
    SMALL_PAGES
  )

  testServer(
    "[PULL-2] a pull that was saved before its first page still gets it",
    Effect.gen(function* () {
      const log = yield* TestLog.TestLog
      yield* withHistory(3)
      const reader = yield* connect()
      yield* reader.say(Frames.pull("1", { after: 3, backendId: log.behind.backendId }))
      const gate = yield* TestLog.makeGate
      log.next("read", TestLog.waitBefore(gate))
      const asking = yield* Effect.fork(reader.say(Frames.pull("2")))
      yield* gate.reached
      // The other pull moves, and all of the connection is saved.
      yield* reader.say(Frames.ack("1"))
      expect(reader.saved).toMatchObject([{ requestId: "1" }, { requestId: "2", started: false }])
      const resuming = yield* Effect.fork(resumed(reader))
      yield* gate.open
      yield* Fiber.join(resuming)
      yield* Fiber.join(asking)
      expect(reader.seqNums("2")).toEqual(range(1, 3))
    })
  )
})

describe("a log that cannot be read", () => {
  testServer(
    "[PULL-11] closes the connection with 1013, that one only, and fails no pull",
    Effect.gen(function* () {
      yield* withHistory(3)
      const log = yield* TestLog.TestLog
      const bystander = yield* connect()
      yield* bystander.say(Frames.pull("1"))
      const unlucky = yield* connect()
      yield* unlucky.say(Frames.pull("1", { after: 3, backendId: log.behind.backendId }))
      log.next("read", TestLog.failBefore)
      yield* unlucky.say(Frames.pull("2"))
      expect(unlucky.closed).toEqual({ code: 1013, reason: "the log cannot be read just now" })
      expect(unlucky.exits("1")).toEqual([])
      expect(unlucky.exits("2")).toEqual([])
      yield* pushed(4, 4)
      expect(bystander.seqNums("1")).toEqual(range(1, 4))
      expect(bystander.closed).toBeUndefined()
      // Nothing is taken from a closed connection, or sent to it.
      yield* unlucky.say(Frames.push("3", events(5)))
      expect(yield* log.stored).toEqual(range(1, 4))
      expect(unlucky.afterEnd).toEqual([])
    })
  )

  testServer(
    "[PULL-11] closes likewise if the head cannot be read for a cursor",
    Effect.gen(function* () {
      const log = yield* TestLog.TestLog
      const reader = yield* connect()
      log.next("head", TestLog.failBefore)
      yield* reader.say(Frames.pull("1", { after: 9, backendId: log.behind.backendId }))
      expect(reader.closed).toMatchObject({ code: 1013 })
      expect(reader.frames).toEqual([])
    })
  )

  testServer(
    "[PULL-11] an error in serving another's pull is not the pusher's",
    Effect.gen(function* () {
      yield* withHistory(40)
      const log = yield* TestLog.TestLog
      const slow = yield* connect()
      yield* slow.say(Frames.pull("1"))
      // Its window is open again while its next page is out of the server's memory.
      log.next("read", TestLog.failBefore)
      const pusher = yield* connect()
      yield* Effect.all([slow.say(Frames.ack("1")), pusher.say(Frames.push("1", events(41)))], {
        concurrency: "unbounded"
      })
      expect(slow.closed).toMatchObject({ code: 1013 })
      expect(pusher.closed).toBeUndefined()
      expect(pusher.exits("1")).toEqual([Frames.accepted])
    }),
    SMALL_PAGES
  )

  testServer(
    "[PULL-11] subscriptions that cannot be taken up again close their connection alone",
    Effect.gen(function* () {
      const log = yield* TestLog.TestLog
      yield* withHistory(3)
      log.next("read", TestLog.failBefore)
      const states = [
        { requestId: "1", live: true, cursor: 1, inFlight: 0, started: true, sparing: false }
      ]
      const unlucky = yield* connect(states)
      const lucky = yield* connect(states)
      expect(unlucky.closed).toMatchObject({ code: 1013 })
      expect(lucky.seqNums("1")).toEqual([2, 3])
    })
  )
})

testServer(
  "[PULL-3] a page beyond the head that the server knew of is not taken for the last",
  Effect.gen(function* () {
    const log = yield* TestLog.TestLog
    const client = yield* connect()
    yield* log.appendBehind(events(1, 5))
    // This makes the server look, and find the log at 5.
    yield* client.say(Frames.push("1", events(1, 1, { name: "other" })))
    yield* log.appendBehind(events(6, 30))
    yield* client.say(Frames.pull("2", { live: false }))
    expect(client.seqNums("2")).toEqual(range(1, 30))
    expect(client.pages("2").map(({ pageInfo }) => pageInfo)).toEqual([
      { _tag: "MoreKnown", remaining: 20 },
      { _tag: "MoreKnown", remaining: 10 },
      { _tag: "NoMore" }
    ])
  }),
  { limits: { maxPageEvents: 10 } }
)
