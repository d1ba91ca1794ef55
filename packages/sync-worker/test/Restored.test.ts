/** A log that loses its latest events or is replaced under a running server, as by the restore of a backup. */
import { describe, expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import { SyncServer } from "../src/SyncServer.ts"
import * as Frames from "./support/frames.ts"
import { events, range } from "./support/frames.ts"
import { connect } from "./support/TestConnection.ts"
import * as TestLog from "./support/TestLog.ts"
import { testServer } from "./support/TestServer.ts"

/** How a request ends whose client holds events that the log does not. */
const anotherLog = (backendId: string) =>
  Frames.failed({ _tag: "BackendIdMismatchError", expected: backendId, received: backendId })

/** Pushes from a connection of its own, and gives what the push ended with. */
const push = Effect.fnUntraced(function* (batch: Parameters<typeof Frames.push>[1]) {
  const pusher = yield* connect()
  yield* pusher.say(Frames.push("1", batch))
  yield* pusher.leave()
  return pusher.exits("1")[0]
})

/** A connection that follows the log. */
const follow = Effect.fnUntraced(function* () {
  const reader = yield* connect()
  yield* reader.say(Frames.pull("1"))
  return reader
})

/** A log of ten events, all in the server's memory, that a reader has. The last five are lost. */
const restored = Effect.gen(function* () {
  const log = yield* TestLog.TestLog
  const reader = yield* follow()
  yield* push(events(1, 10))
  expect(reader.seqNums("1")).toEqual(range(1, 10))
  log.cutBehind(5)
  log.calls.length = 0
  yield* TestClock.adjust("1 second")
  return { log, reader, backendId: log.behind.backendId }
})

describe("is noticed", () => {
  testServer(
    "[RESTORE-1][PULL-7] with the next pull, whose cursor is where the server knows the head to be",
    Effect.gen(function* () {
      const { backendId, log, reader } = yield* restored
      const late = yield* connect()
      yield* late.say(Frames.pull("1", { after: 10, backendId }))
      expect(late.frames).toMatchObject([{ _tag: "Exit" }])
      expect(late.exits("1")).toEqual([anotherLog(backendId)])
      expect(reader.exits("1")).toEqual([anotherLog(backendId)])
      // An answer that many share is not enough to turn somebody away.
      expect(log.calls).toEqual(["head", "head"])
    })
  )

  testServer(
    "[RESTORE-1] with the next pull of whoever has nothing: it is sent nothing that is lost",
    Effect.gen(function* () {
      const { backendId, reader } = yield* restored
      const late = yield* follow()
      expect(late.seqNums("1")).toEqual(range(1, 5))
      expect(late.pageInfos("1").at(-1)).toEqual({ _tag: "NoMore" })
      expect(late.exits("1")).toEqual([])
      expect(reader.exits("1")).toEqual([anotherLog(backendId)])
    })
  )

  testServer(
    "[RESTORE-1] once for all who pull at the same time, and for those who come right after",
    Effect.gen(function* () {
      const { log } = yield* restored
      const gate = yield* TestLog.makeGate
      log.next("head", TestLog.waitBefore(gate))
      const readers = yield* Effect.replicateEffect(connect(), 20)
      const pulling = yield* Effect.forEach(readers, (reader) =>
        Effect.fork(reader.say(Frames.pull("1")))
      )
      yield* gate.reached
      yield* gate.open
      yield* Fiber.joinAll(pulling)
      yield* follow()
      for (const reader of readers) expect(reader.seqNums("1")).toEqual(range(1, 5))
      expect(log.calls.filter((call) => call === "head")).toHaveLength(1)
      yield* TestClock.adjust("100 millis")
      yield* follow()
      expect(log.calls.filter((call) => call === "head")).toHaveLength(2)
    })
  )

  testServer(
    "[RESTORE-1][RESTORE-3] with the next push, of whoever holds what is lost",
    Effect.gen(function* () {
      const { backendId, log, reader } = yield* restored
      yield* reader.say(Frames.push("2", events(11)))
      expect(reader.order().slice(-2)).toEqual(["Exit 1", "Exit 2"])
      expect(reader.exits("1")).toEqual([anotherLog(backendId)])
      expect(reader.exits("2")).toEqual([anotherLog(backendId)])
      expect(reader.saved).toEqual([])
      expect(yield* log.stored).toEqual(range(1, 5))
    })
  )

  testServer(
    "[RESTORE-1][RESTORE-2] with the next push, of whoever goes on from what is left",
    Effect.gen(function* () {
      const { backendId, log, reader } = yield* restored
      const { length } = reader.frames
      expect(yield* push(events(6, 12, { clientId: "client-b" }))).toEqual(Frames.accepted)
      expect(reader.frames.slice(length)).toMatchObject([{ _tag: "Exit", requestId: "1" }])
      expect(reader.exits("1")).toEqual([anotherLog(backendId)])
      expect(yield* log.stored).toEqual(range(1, 12))
      yield* reader.say(Frames.pull("2", { after: 5, backendId }))
      expect(reader.seqNums("2")).toEqual(range(6, 12))
    })
  )

  testServer(
    "[RESTORE-1] with a push that repeats what is lost: it follows nothing any more",
    Effect.gen(function* () {
      const { backendId, reader } = yield* restored
      expect(yield* push(events(8, 10))).toEqual(anotherLog(backendId))
      expect(reader.exits("1")).toEqual([anotherLog(backendId)])
    })
  )
})

describe("a push that follows nothing", () => {
  testServer(
    "[RESTORE-3][PUSH-5] is behind, where the log never had what it follows",
    Effect.gen(function* () {
      const { stored } = yield* TestLog.TestLog
      const reader = yield* follow()
      yield* push(events(1, 3))
      expect(yield* push(events(6, 7))).toEqual(Frames.serverAhead(3, 5))
      expect(yield* stored).toEqual(range(1, 3))
      expect(reader.exits("1")).toEqual([])
      expect(yield* push(events(4))).toEqual(Frames.accepted)
      expect(reader.seqNums("1")).toEqual(range(1, 4))
    })
  )

  testServer(
    "[RESTORE-3] is of another log, where the log has had it, also if that was some moves ago",
    Effect.gen(function* () {
      const log = yield* TestLog.TestLog
      yield* push(events(1, 9))
      log.cutBehind(3)
      expect(yield* push(events(4, 5, { clientId: "client-b" }))).toEqual(Frames.accepted)
      expect(yield* push(events(10))).toEqual(anotherLog(log.behind.backendId))
      expect(yield* push(events(11))).toEqual(Frames.serverAhead(5, 10))
    })
  )
})

describe("an open pull", () => {
  testServer(
    "[RESTORE-2] goes on if its cursor is not beyond the head",
    Effect.gen(function* () {
      const log = yield* TestLog.TestLog
      const { backendId } = log.behind
      const slow = yield* follow()
      for (const seqNum of range(1, 20)) yield* push(events(seqNum))
      expect(slow.seqNums("1")).toEqual(range(1, 15))
      yield* slow.say(Frames.pull("2", { after: 16, backendId }))
      log.cutBehind(15)
      expect(yield* push(events(16, 17, { clientId: "client-b" }))).toEqual(Frames.accepted)
      expect(slow.exits("2")).toEqual([anotherLog(backendId)])
      yield* slow.say(Frames.ack("1"))
      expect(slow.exits("1")).toEqual([])
      expect(slow.seqNums("1")).toEqual(range(1, 17))
      expect(JSON.stringify(slow.pages("1").at(-1))).toContain("client-b")
    })
  )

  testServer(
    "[RESTORE-2] that is being checked ends as well",
    Effect.gen(function* () {
      const log = yield* TestLog.TestLog
      const { backendId } = log.behind
      yield* push(events(1, 10))
      log.cutBehind(8)
      yield* TestClock.adjust("1 second")
      const createdAt = (yield* log.behind.createdAt(8)) ?? ""
      const gate = yield* TestLog.makeGate
      log.next("createdAt", TestLog.waitAfter(gate))
      const late = yield* connect()
      const pulling = yield* Effect.fork(
        late.say(Frames.pull("1", { after: 8, backendId, createdAt }))
      )
      yield* gate.reached
      log.cutBehind(5)
      expect(yield* push(events(6, 9, { clientId: "client-b" }))).toEqual(Frames.accepted)
      yield* gate.open
      yield* Fiber.join(pulling)
      expect(late.order()).toEqual(["Exit 1"])
      expect(late.exits("1")).toEqual([anotherLog(backendId)])
    })
  )

  testServer(
    "[RESTORE-2] is sent no page that was read before the restore, however far the log has come since",
    Effect.gen(function* () {
      const log = yield* TestLog.TestLog
      yield* log.appendBehind(events(1, 10))
      yield* TestClock.adjust("1 second")
      const gate = yield* TestLog.makeGate
      log.next("read", TestLog.waitAfter(gate))
      const slow = yield* connect()
      const pulling = yield* Effect.fork(slow.say(Frames.pull("1")))
      yield* gate.reached
      log.cutBehind(5)
      expect(yield* push(events(6, 12, { clientId: "client-b" }))).toEqual(Frames.accepted)
      yield* gate.open
      yield* Fiber.join(pulling)
      expect(slow.seqNums("1")).toEqual(range(1, 12))
      // Events 6 to 12 are of the other client, and none of them is what was there before.
      expect(JSON.stringify(slow.pages("1")).split("client-b")).toHaveLength(7 + 1)
      yield* push(events(13))
      expect(slow.seqNums("1")).toEqual(range(1, 13))
    })
  )

  testServer(
    "[RESTORE-2] that outlived the object's memory ends when the object wakes",
    Effect.gen(function* () {
      const { backendId } = (yield* TestLog.TestLog).behind
      yield* push(events(1, 5))
      const pull = { live: true, inFlight: 0, started: true, sparing: false }
      const reader = yield* connect([
        { ...pull, requestId: "1", cursor: 10 },
        { ...pull, requestId: "2", cursor: 5 },
        { ...pull, requestId: "3", cursor: 6, started: false, live: false }
      ])
      expect(reader.order()).toEqual(["Exit 1", "Exit 3"])
      for (const id of ["1", "3"]) expect(reader.exits(id)).toEqual([anotherLog(backendId)])
      expect(reader.saved).toMatchObject([{ requestId: "2" }])
      yield* push(events(6, 12))
      expect(reader.seqNums("2")).toEqual(range(6, 12))
      expect(reader.seqNums("1")).toEqual([])
    })
  )
})

describe("a log that was replaced, or is gone", () => {
  const CHANGES = ["reset", "renew", "remove"] as const

  /** Two sockets of a server whose log is about to be replaced: one follows it, the other has no pull. */
  const replaced = Effect.fnUntraced(function* (change: (typeof CHANGES)[number]) {
    const log = yield* TestLog.TestLog
    const server = yield* SyncServer
    yield* push(events(1, 10))
    const reader = yield* follow()
    const idle = yield* connect()
    expect(server.isReplaced()).toBe(false)
    yield* log.behind[change]
    yield* TestClock.adjust("1 second")
    return { log, server, reader, idle, backendId: log.behind.backendId }
  })

  const restart = { code: 1012, reason: "the log was replaced" }

  for (const change of CHANGES) {
    testServer(
      `[RESTORE-4] is noticed with the next pull after a ${change}: everybody connects again`,
      Effect.gen(function* () {
        const { backendId, idle, reader, server } = yield* replaced(change)
        const late = yield* connect()
        yield* late.say(Frames.pull("1", { after: 10, backendId }))
        expect(server.isReplaced()).toBe(true)
        for (const { closed } of [late, idle, reader]) expect(closed).toEqual(restart)
        expect(late.frames).toEqual([])
        expect(reader.exits("1")).toEqual([])
        for (const { afterEnd } of [late, idle, reader]) expect(afterEnd).toEqual([])
      })
    )

    testServer(
      `[RESTORE-4] is noticed with the next push after a ${change}, which is not stored`,
      Effect.gen(function* () {
        const { idle, log, reader, server } = yield* replaced(change)
        yield* idle.say(Frames.push("1", events(11)))
        expect(server.isReplaced()).toBe(true)
        for (const { closed } of [idle, reader]) expect(closed).toEqual(restart)
        expect(idle.frames).toEqual([])
        if (change === "remove") return
        expect((yield* log.behind.stats).events).toBe(change === "renew" ? 10 : 0)
      })
    )

    testServer(
      `[RESTORE-4] is noticed by whoever looks after the store after a ${change}`,
      Effect.gen(function* () {
        const { reader, server } = yield* replaced(change)
        expect(yield* Effect.flip(server.admin.info)).toMatchObject({ _tag: "LogReplaced" })
        expect(server.isReplaced()).toBe(true)
        expect(reader.closed).toEqual(restart)
      })
    )
  }

  testServer(
    "[RESTORE-4] is noticed by a page that is read of it: nothing of it is sent",
    Effect.gen(function* () {
      const { behind } = yield* TestLog.TestLog
      const log = yield* TestLog.TestLog
      // More than a page, and none of it in memory.
      for (const from of range(0, 5))
        yield* log.appendBehind(events(from * 500 + 1, (from + 1) * 500))
      yield* TestClock.adjust("1 second")
      const reader = yield* follow()
      expect(reader.seqNums("1")).toEqual(range(1, 2_000))
      yield* behind.renew
      yield* reader.say(Frames.ack("1"))
      expect(reader.closed).toEqual(restart)
      expect(reader.seqNums("1")).toEqual(range(1, 2_000))
    })
  )

  testServer(
    "[RESTORE-4] is noticed when a connection wakes that was of another one",
    Effect.gen(function* () {
      const { behind } = yield* TestLog.TestLog
      yield* push(events(1, 20))
      const pull = {
        requestId: "1",
        live: true,
        inFlight: 0,
        started: true,
        sparing: false,
        cursor: 10
      }
      const other = yield* connect([pull], {}, { backendId: "another" })
      expect(other.closed).toEqual(restart)
      expect(other.frames).toEqual([])
      // One of before this was kept, and one of the same log.
      for (const state of [{}, { backendId: behind.backendId }]) {
        const same = yield* connect([pull], {}, state)
        expect(same.closed).toBeUndefined()
        expect(same.seqNums("1")).toEqual(range(11, 20))
        expect(same.state.backendId).toBe(behind.backendId)
      }
    })
  )

  testServer(
    "[RESTORE-4] is noticed by whoever comes with the new id: it is not turned away",
    Effect.gen(function* () {
      const { behind } = yield* TestLog.TestLog
      yield* push(events(1, 10))
      const pusher = yield* connect()
      const backendId = yield* behind.renew
      yield* pusher.say(Frames.push("1", events(11), { backendId }))
      expect(pusher.closed).toEqual(restart)
      expect(pusher.exits("1")).toEqual([])
    })
  )
})

describe("a log that was replaced a moment ago", () => {
  testServer(
    "[RESTORE-4] turns nobody away who has a cursor of the one in its place",
    Effect.gen(function* () {
      const { behind } = yield* TestLog.TestLog
      yield* push(events(1, 10))
      yield* TestClock.adjust("1 second")
      yield* follow()
      const backendId = yield* behind.renew
      const late = yield* connect()
      yield* late.say(Frames.pull("1", { after: 10, backendId }))
      expect(late.closed).toEqual({ code: 1012, reason: "the log was replaced" })
      expect(late.exits("1")).toEqual([])
    })
  )

  testServer(
    "[RESTORE-4] is asked about once, for all who come with another id at the same time",
    Effect.gen(function* () {
      const log = yield* TestLog.TestLog
      yield* push(events(1, 3))
      const gate = yield* TestLog.makeGate
      log.next("head", TestLog.waitBefore(gate))
      log.calls.length = 0
      const readers = yield* Effect.replicateEffect(connect(), 20)
      const asking = yield* Effect.forEach(readers, (reader, index) =>
        Effect.fork(
          reader.say(
            index % 2 === 0
              ? Frames.pull("1", { after: 2, backendId: "other" })
              : Frames.push("1", events(4), { backendId: "other" })
          )
        )
      )
      yield* gate.reached
      yield* gate.open
      yield* Fiber.joinAll(asking)
      for (const reader of readers) {
        expect(reader.exits("1")).toMatchObject([
          Frames.failed({ _tag: "BackendIdMismatchError", received: "other" })
        ])
      }
      expect(log.calls).toEqual(["head"])
    })
  )

  testServer(
    "[RESTORE-4][ADMIN-6] gives an export nothing of the one in its place, and ends with it",
    Effect.gen(function* () {
      const { behind } = yield* TestLog.TestLog
      const { admin } = yield* SyncServer
      yield* push(events(1, 10))
      const reader = yield* follow()
      const page = { maxEvents: 5, maxBytes: 1_000_000 }
      expect(yield* admin.read(0, page)).toHaveLength(5)
      yield* behind.renew
      expect(yield* Effect.flip(admin.read(5, page))).toMatchObject({ _tag: "LogReplaced" })
      expect(reader.closed).toMatchObject({ code: 1012 })
    })
  )
})

describe("a log that has grown by another writer", () => {
  testServer(
    "[PULL-1] is sent to all who follow it, as soon as anybody has found out",
    Effect.gen(function* () {
      const log = yield* TestLog.TestLog
      const reader = yield* follow()
      yield* push(events(1, 3))
      yield* log.appendBehind(events(4, 6))
      yield* TestClock.adjust("1 second")
      const late = yield* follow()
      expect(late.seqNums("1")).toEqual(range(1, 6))
      yield* TestClock.adjust("1 millis")
      expect(reader.seqNums("1")).toEqual(range(1, 6))
    })
  )

  testServer(
    "[RESTORE-1] or was cut and has grown again, is noticed with the next page that is read",
    Effect.gen(function* () {
      const log = yield* TestLog.TestLog
      const { backendId } = log.behind
      for (const from of range(0, 5))
        yield* log.appendBehind(events(from * 500 + 1, (from + 1) * 500))
      yield* TestClock.adjust("1 second")
      const reader = yield* follow()
      expect(reader.seqNums("1")).toEqual(range(1, 2_000))
      log.cutBehind(50)
      yield* log.appendBehind(events(51, 2_200, { clientId: "client-b" }))
      yield* reader.say(Frames.ack("1"))
      expect(yield* log.stored).toEqual(range(1, 2_200))
      const last = yield* connect()
      yield* last.say(Frames.pull("1", { after: 2_500, backendId }))
      expect(last.exits("1")).toEqual([anotherLog(backendId)])
    })
  )
})
