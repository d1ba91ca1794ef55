/** What ends a connection by itself: its authorisation runs out, or it has no pull for too long. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import type { ConnectionState, Session } from "../src/Connection.ts"
import { SyncServer } from "../src/SyncServer.ts"
import * as Frames from "./support/frames.ts"
import { events, range } from "./support/frames.ts"
import { TestAlarm } from "./support/TestAlarm.ts"
import { connect, TestConnection } from "./support/TestConnection.ts"
import * as TestLog from "./support/TestLog.ts"
import { layer, testServer } from "./support/TestServer.ts"

const NEVER = Number.POSITIVE_INFINITY

const EXPIRED = { code: 4401, reason: "the authorisation has expired" }

const UNUSED = { code: 1008, reason: "no pull is open; please connect again" }

/** A live pull that outlived the memory, at the root. */
const PULL = {
  requestId: "1",
  cursor: 0,
  inFlight: 0,
  live: true,
  started: true,
  sparing: false
}

/** What the alarm does when it goes off. When it has to go off again. */
const closeDue = Effect.flatMap(SyncServer, (server) => server.closeDue)

const follow = Effect.fnUntraced(function* (session?: Partial<Session>) {
  const client = yield* connect(undefined, session)
  yield* client.say(Frames.pull("1"))
  return client
})

/** A connection that outlived the memory, as it was kept. */
const resume = Effect.fnUntraced(function* (
  state: Partial<ConnectionState>,
  session?: Partial<Session>
) {
  const connection = new TestConnection(session)
  yield* (yield* SyncServer).connect(connection, state)
  return connection
})

/** A push whose rule is thinking when `end` comes about. What became of it. */
const endWhileRuleThinks = <E, R>(
  session: Partial<Session>,
  end: Effect.Effect<unknown, E, R | SyncServer>
) =>
  Effect.gen(function* () {
    const gate = yield* TestLog.makeGate
    const body = Effect.gen(function* () {
      const pusher = yield* connect(undefined, session)
      const pushing = yield* Effect.fork(pusher.say(Frames.push("1", events(1))))
      yield* gate.reached
      yield* end
      yield* gate.open
      yield* Fiber.join(pushing)
      expect(yield* (yield* TestLog.TestLog).stored).toEqual([])
      expect(pusher.exits("1")).toEqual([])
      expect(pusher.afterEnd).toEqual([])
      return pusher.closed
    })
    return yield* Effect.provide(body, layer({ onPush: () => gate.pass }))
  })

describe("an authorisation that ends", () => {
  it.effect("[AUTH-8] while the app's rule thinks about a push: it is not stored", () =>
    Effect.gen(function* () {
      const ending = endWhileRuleThinks({ expiresAt: 1_000 }, TestClock.adjust("1 seconds"))
      expect(yield* ending).toEqual(EXPIRED)
    })
  )

  it.effect("[AUTH-9] the same if it is revoked", () =>
    Effect.gen(function* () {
      const identity = { user: "ann" }
      const revoke = Effect.flatMap(SyncServer, ({ admin }) => admin.revoke(identity))
      expect(yield* endWhileRuleThinks({ identity }, revoke)).toMatchObject({ code: 4401 })
    })
  )

  testServer(
    "[AUTH-8] events reach it before the instant, and none from there on",
    Effect.gen(function* () {
      const reader = yield* follow({ expiresAt: 1_000 })
      const [pusher, other] = [yield* connect(), yield* follow()]
      yield* TestClock.adjust("999 millis")
      yield* pusher.say(Frames.push("1", events(1)))
      yield* TestClock.adjust("1 millis")
      yield* pusher.say(Frames.push("2", events(2)))
      expect(reader.seqNums("1")).toEqual([1])
      expect(other.seqNums("1")).toEqual([1, 2])
      expect(reader.afterEnd).toEqual([])
    })
  )

  testServer(
    "[AUTH-8] a page that is being read meanwhile is not sent",
    Effect.gen(function* () {
      const log = yield* TestLog.TestLog
      yield* log.appendBehind(events(1, 7))
      const gate = yield* TestLog.makeGate
      log.next("read", (run) => run, TestLog.waitAfter(gate))
      const reader = yield* connect(undefined, { expiresAt: 1_000 })
      const { backendId } = log.behind
      const pulling = yield* Effect.fork(reader.say(Frames.pull("1", { after: 1, backendId })))
      yield* gate.reached
      expect(reader.seqNums("1")).toEqual(range(2, 4))
      yield* TestClock.adjust("1 seconds")
      yield* gate.open
      yield* Fiber.join(pulling)
      expect(reader.seqNums("1")).toEqual(range(2, 4))
      expect(yield* closeDue).toBe(NEVER)
      expect(reader.closed).toEqual(EXPIRED)
    }),
    { limits: { maxPageEvents: 3 } }
  )

  testServer(
    "[AUTH-8] a push whose turn comes after it is not begun; one that had its turn is answered",
    Effect.gen(function* () {
      const log = yield* TestLog.TestLog
      const gate = yield* TestLog.makeGate
      log.next("append", TestLog.waitBefore(gate))
      const [first, second] = [
        yield* connect(undefined, { expiresAt: 1_000 }),
        yield* connect(undefined, { expiresAt: 1_000 })
      ]
      const begun = yield* Effect.fork(first.say(Frames.push("1", events(1))))
      yield* gate.reached
      const queued = yield* Effect.fork(second.say(Frames.push("1", events(2))))
      yield* Effect.yieldNow()
      yield* TestClock.adjust("1 seconds")
      yield* gate.open
      yield* Fiber.join(begun)
      yield* Fiber.join(queued)
      expect(yield* log.stored).toEqual([1])
      expect(first.exits("1")).toEqual([Frames.accepted])
      expect(second.texts).toEqual([])
      expect(second.closed).toEqual(EXPIRED)
    })
  )

  it.effect("[AUTH-8] a frame from then on closes, and brings nothing about", () =>
    Effect.gen(function* () {
      let asked = 0
      const ask = () => {
        asked += 1
      }
      const body = Effect.gen(function* () {
        const log = yield* TestLog.TestLog
        for (const frame of [
          Frames.push("1", events(1)),
          Frames.pull("1"),
          Frames.ack("1"),
          Frames.interrupt("1"),
          `{"_tag":"Ping"}`,
          "nonsense"
        ]) {
          const client = yield* connect(undefined, { expiresAt: 1_000 })
          yield* client.say(frame)
          expect(client.closed).toEqual(EXPIRED)
          yield* client.say(Frames.push("2", events(1)))
          expect(client.texts).toEqual([])
          expect(client.afterEnd).toEqual([])
        }
        expect(log.calls).toEqual([])
        expect(asked).toBe(0)
      })
      yield* TestClock.adjust("1 seconds")
      yield* Effect.provide(body, layer({ onPush: ask, onPull: ask }))
    })
  )

  testServer(
    "[AUTH-8] the alarm closes who is due, and goes off again for who is not",
    Effect.gen(function* () {
      const { asked } = yield* TestAlarm
      const times = [3_000, 1_000, undefined, 2_000, 1_000]
      const clients = yield* Effect.forEach(times, (expiresAt) =>
        follow(expiresAt === undefined ? {} : { expiresAt })
      )
      const closed = () =>
        clients.flatMap(({ closed }, index) => (closed === undefined ? [] : [index]))
      expect(Math.min(...asked)).toBe(1_000)
      expect(yield* closeDue).toBe(1_000)
      yield* TestClock.adjust("999 millis")
      expect(yield* closeDue).toBe(1_000)
      expect(closed()).toEqual([])
      yield* TestClock.adjust("1 millis")
      expect(yield* closeDue).toBe(2_000)
      expect(closed()).toEqual([1, 4])
      yield* TestClock.setTime(2_500)
      expect(yield* closeDue).toBe(3_000)
      yield* TestClock.setTime(3_001)
      expect(yield* closeDue).toBe(NEVER)
      expect(closed()).toEqual([0, 1, 3, 4])
      expect(clients[0]?.closed).toEqual(EXPIRED)
      expect(yield* closeDue).toBe(NEVER)
      expect(clients.flatMap(({ afterEnd }) => afterEnd)).toEqual([])
    })
  )

  testServer(
    "[AUTH-8] ended while the object was out of memory: nothing is sent, and the alarm is asked for",
    Effect.gen(function* () {
      const { asked } = yield* TestAlarm
      yield* TestClock.adjust("1 seconds")
      yield* (yield* connect()).say(Frames.push("1", events(1)))
      const client = yield* resume({ subscriptions: [PULL] }, { expiresAt: 900 })
      expect(client.texts).toEqual([])
      expect(asked.at(-1)).toBe(900)
      yield* closeDue
      expect(client.closed).toEqual(EXPIRED)
    })
  )
})

describe("a connection without a pull", () => {
  testServer(
    "[LIMIT-9] is closed when its time is over, and not before",
    Effect.gen(function* () {
      const { asked } = yield* TestAlarm
      const client = yield* connect()
      expect(asked).toEqual([60_000])
      // As a client does that believes to be following.
      yield* TestClock.adjust("59999 millis")
      yield* client.say(`{"_tag":"Ping"}`)
      expect(yield* closeDue).toBe(60_000)
      expect(client.closed).toBeUndefined()
      yield* TestClock.adjust("1 millis")
      expect(yield* closeDue).toBe(NEVER)
      expect(client.closed).toEqual(UNUSED)
      yield* client.say(Frames.pull("1"))
      expect(client.pages("1")).toEqual([])
      expect(client.afterEnd).toEqual([])
    })
  )

  testServer(
    "[LIMIT-9] is not one that pulls, however long nothing happens",
    Effect.gen(function* () {
      const client = yield* follow()
      expect(client.state.pullBy).toBeUndefined()
      yield* TestClock.adjust("30 days")
      expect(yield* closeDue).toBe(NEVER)
      yield* client.say(Frames.push("2", events(1)))
      expect(client.seqNums("1")).toEqual([1])
    })
  )

  const endings: ReadonlyArray<
    readonly [string, (client: TestConnection) => Effect.Effect<void, never, SyncServer>]
  > = [
    ["was interrupted", (client) => client.say(Frames.interrupt("1"))],
    ["ended at the head", (client) => client.say(Frames.pull("2", { live: false }))],
    ["was refused", (client) => client.say(Frames.pull("2", { after: 9, backendId: "other" }))],
    ["had the id of another request", (client) => client.say(Frames.unknownRequest("1"))]
  ]
  for (const [how, end] of endings) {
    testServer(
      `[LIMIT-9] has its time anew after a pull that ${how}`,
      Effect.gen(function* () {
        const { asked } = yield* TestAlarm
        const client = yield* connect()
        const isOpen = how === "was interrupted" || how === "had the id of another request"
        if (isOpen) yield* client.say(Frames.pull("1"))
        yield* TestClock.adjust("45 seconds")
        yield* end(client)
        expect(client.saved).toEqual([])
        expect(client.state.pullBy).toBe(105_000)
        expect(asked).toContain(105_000)
        yield* TestClock.setTime(104_999)
        expect(yield* closeDue).toBe(105_000)
        expect(client.closed).toBeUndefined()
        yield* TestClock.setTime(105_000)
        yield* closeDue
        expect(client.closed).toEqual(UNUSED)
      })
    )
  }

  testServer(
    "[LIMIT-9] is not one with another pull left",
    Effect.gen(function* () {
      const client = yield* follow()
      yield* client.say(Frames.pull("2"))
      yield* client.say(Frames.interrupt("1"))
      expect(yield* closeDue).toBe(NEVER)
      yield* client.say(Frames.interrupt("2"))
      expect(yield* closeDue).toBe(60_000)
    })
  )

  testServer(
    "[LIMIT-9] is not closed while it pushes",
    Effect.gen(function* () {
      const client = yield* connect()
      for (let n = 1; n <= 10; n++) {
        yield* TestClock.adjust("40 seconds")
        expect(yield* closeDue).toBeGreaterThan(n * 40_000)
        yield* client.say(Frames.push(`${n}`, events(n)))
      }
      expect(client.closed).toBeUndefined()
      // 460 s, rounded up to a sixteenth of the 60 s that it has.
      expect(yield* closeDue).toBe(461_250)
      yield* TestClock.setTime(461_250)
      yield* closeDue
      expect(client.closed).toEqual(UNUSED)
    })
  )

  it.effect("[LIMIT-9] is not closed while its pull is looked at", () =>
    Effect.gen(function* () {
      const gate = yield* TestLog.makeGate
      const body = Effect.gen(function* () {
        const client = yield* connect()
        yield* TestClock.adjust("59 seconds")
        const pulling = yield* Effect.fork(client.say(Frames.pull("1")))
        yield* gate.reached
        yield* TestClock.adjust("9 seconds")
        expect(yield* closeDue).toBe(120_000)
        yield* gate.open
        yield* Fiber.join(pulling)
        expect(client.pages("1")).toHaveLength(1)
        expect(yield* closeDue).toBe(NEVER)
      })
      yield* Effect.provide(body, layer({ onPull: () => gate.pass }))
    })
  )

  testServer(
    "[LIMIT-9] gains nothing by sleeping; one that has none yet is given its time",
    Effect.gen(function* () {
      const { asked } = yield* TestAlarm
      yield* TestClock.setTime(50_000)
      const before = yield* resume({ subscriptions: [], pullBy: 60_000 })
      const older = yield* resume({ subscriptions: [] })
      expect(before.state.pullBy).toBe(60_000)
      expect(older.state.pullBy).toBe(112_500)
      expect(asked).toContain(60_000)
      yield* TestClock.setTime(60_000)
      expect(yield* closeDue).toBe(112_500)
      expect(before.closed).toEqual(UNUSED)
      expect(older.closed).toBeUndefined()
    })
  )
})

testServer(
  "[LIMIT-9] no alarm is asked for by a connection that pulls and whose authorisation lasts",
  Effect.gen(function* () {
    const { asked } = yield* TestAlarm
    const client = yield* resume({ subscriptions: [PULL] })
    yield* client.say(Frames.push("2", events(1)))
    yield* client.say(Frames.ack("1"))
    yield* client.say(Frames.pull("3", { live: false }))
    yield* client.leave()
    expect(asked).toEqual([])
    expect(yield* closeDue).toBe(NEVER)
  })
)

describe("an access that is revoked", () => {
  const ann = { user: "ann", team: "red" }

  testServer(
    "[AUTH-9] closes every connection of the identity, and no other",
    Effect.gen(function* () {
      const { admin } = yield* SyncServer
      const identities = [ann, { user: "bob" }, undefined, { user: "ann" }, "ann", null]
      const clients = yield* Effect.forEach(identities, (identity) => follow({ identity }))
      const closed = () =>
        clients.flatMap(({ closed }, index) => (closed === undefined ? [] : [index]))
      expect(yield* admin.revoke({})).toBe(0)
      expect(yield* admin.revoke(undefined)).toBe(0)
      expect(yield* admin.revoke({ user: "ann", admin: true })).toBe(0)
      expect(closed()).toEqual([])
      expect(yield* admin.revoke({ user: "ann" })).toBe(2)
      expect(closed()).toEqual([0, 3])
      expect(clients[0]?.closed).toEqual({ code: 4401, reason: "the access was revoked" })
      expect(yield* admin.revoke({ user: "ann" })).toBe(0)
      expect(yield* admin.revoke("ann")).toBe(1)
      yield* (yield* connect()).say(Frames.push("9", events(1)))
      expect(clients.map((client) => client.seqNums("1").length)).toEqual([0, 1, 1, 0, 0, 1])
      expect(clients.flatMap(({ afterEnd }) => afterEnd)).toEqual([])
    })
  )

  testServer(
    "[AUTH-9] a push that waits for its turn is not begun",
    Effect.gen(function* () {
      const log = yield* TestLog.TestLog
      const { admin } = yield* SyncServer
      const gate = yield* TestLog.makeGate
      log.next("append", TestLog.waitBefore(gate))
      const [other, revoked] = [yield* connect(), yield* follow({ identity: ann })]
      const begun = yield* Effect.fork(other.say(Frames.push("1", events(1))))
      yield* gate.reached
      const queued = yield* Effect.fork(revoked.say(Frames.push("2", events(2))))
      yield* Effect.yieldNow()
      expect(yield* admin.revoke(ann)).toBe(1)
      yield* gate.open
      yield* Fiber.join(begun)
      yield* Fiber.join(queued)
      expect(yield* log.stored).toEqual([1])
      expect(revoked.exits("2")).toEqual([])
      expect(revoked.afterEnd).toEqual([])
    })
  )
})
