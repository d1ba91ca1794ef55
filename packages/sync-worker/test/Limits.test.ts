/** What a server takes at once: each limit at its border, and before anything is done. */
import { describe, expect, it } from "@effect/vitest"
import type { Limits } from "@tidelog/sync-protocol"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import * as Attachment from "../src/Attachment.ts"
import { SyncServer } from "../src/SyncServer.ts"
import * as Frames from "./support/frames.ts"
import { events, range, refused } from "./support/frames.ts"
import { connect, TestConnection } from "./support/TestConnection.ts"
import * as TestLog from "./support/TestLog.ts"
import { layer } from "./support/TestServer.ts"
import type { TestServices } from "./support/TestServer.ts"

/** How much work was done so far: the calls of the log, and those of the app's rules. */
type WorkDone = Effect.Effect<number, never, TestLog.TestLog>

/** Declares a test on a server with limits, that knows what work it does. */
const testLimits = <A, E>(
  name: string,
  limits: Partial<Limits.LimitsService>,
  body: (workDone: WorkDone) => Effect.Effect<A, E, TestServices>
) => {
  it.effect(name, () =>
    Effect.suspend(() => {
      let asked = 0
      const ask = () => {
        asked += 1
      }
      const workDone = Effect.map(TestLog.TestLog, ({ calls }) => calls.length + asked)
      return Effect.provide(body(workDone), layer({ onPush: ask, onPull: ask, limits }))
    })
  )
}

/** A frame, made longer by a key that means nothing. */
const padded = (frame: string, length: number) => {
  const object = JSON.parse(frame)
  const bare = JSON.stringify({ ...object, padding: "" })
  return JSON.stringify({ ...object, padding: "x".repeat(length - bare.length) })
}

/** The same connection, as a server meets it that has just come into memory. */
const resume = Effect.fnUntraced(function* (connection: TestConnection) {
  const { session } = connection
  const kept = Attachment.decode(Attachment.encoder(session)(connection.state))
  const server = yield* SyncServer
  yield* server.disconnect(connection)
  const resumed = new TestConnection(session)
  yield* server.connect(resumed, Either.getOrThrow(kept))
  return resumed
})

describe("sizes", () => {
  testLimits(
    "[LIMIT-1] a frame of exactly the limit is taken; one byte more closes, and nothing is read",
    { maxFrameBytes: 1_000 },
    (workDone) =>
      Effect.gen(function* () {
        const client = yield* connect()
        yield* client.say(padded(Frames.push("1", events(1)), 1_000))
        expect(client.exits("1")).toEqual([Frames.accepted])
        const before = yield* workDone
        yield* client.say(padded(Frames.push("2", events(2)), 1_001))
        expect(client.closed).toEqual({ code: 1009, reason: "a frame may have 1000 bytes" })
        expect(client.exits("2")).toEqual([])
        expect(yield* workDone).toBe(before)
      })
  )

  testLimits(
    "[LIMIT-2] one event too many in a push is refused before anything is done",
    { maxBatchEvents: 3 },
    (workDone) =>
      Effect.gen(function* () {
        const client = yield* connect()
        yield* client.say(Frames.push("1", events(1, 4)))
        expect(client.exits("1")).toEqual([
          refused("BatchTooLarge", "the push has 4 events; at most 3 are taken at once")
        ])
        expect(yield* workDone).toBe(0)
        yield* client.say(Frames.push("2", events(1, 3)))
        expect(client.exits("2")).toEqual([Frames.accepted])
      })
  )

  testLimits(
    "[LIMIT-3] one byte too many in an event is refused before anything is done",
    { maxEventBytes: 100 },
    (workDone) =>
      Effect.gen(function* () {
        const client = yield* connect()
        // Four bytes of the name, and the two quotes of the arguments.
        const sized = (bytes: number) => events(1, 1, { name: "name", args: "x".repeat(bytes - 6) })
        yield* client.say(Frames.push("1", sized(101)))
        expect(client.exits("1")).toEqual([
          refused("EventTooLarge", "event 1 (name) is larger than 100 bytes")
        ])
        expect(yield* workDone).toBe(0)
        yield* client.say(Frames.push("2", sized(100)))
        expect(client.exits("2")).toEqual([Frames.accepted])
      })
  )

  testLimits(
    "[LIMIT-6] one pull too many is refused before anybody is asked, and the others go on",
    { maxSubscriptions: 2 },
    (workDone) =>
      Effect.gen(function* () {
        const client = yield* connect()
        yield* client.say(Frames.pull("1"))
        yield* client.say(Frames.pull("2"))
        const before = yield* workDone
        yield* client.say(Frames.pull("3"))
        expect(client.exits("3")).toEqual([
          refused("TooManySubscriptions", "a connection may have 2 open pulls")
        ])
        expect(yield* workDone).toBe(before)
        yield* client.say(Frames.push("4", events(1)))
        expect([client.seqNums("1"), client.seqNums("2")]).toEqual([[1], [1]])
        yield* client.say(Frames.interrupt("1"))
        yield* client.say(Frames.pull("3"))
        expect(client.seqNums("3")).toEqual([1])
      })
  )
})

describe("frames a second", () => {
  const limits = { frameBurst: 3, framesPerSecond: 2 }
  const tooFast = { code: 1008, reason: "a connection may send 2 frames a second" }

  testLimits(
    "[LIMIT-7] the frame beyond the burst closes, and brings nothing about",
    limits,
    (workDone) =>
      Effect.gen(function* () {
        for (const length of [undefined, 300]) {
          const client = yield* connect()
          const say = (frame: string) =>
            client.say(length === undefined ? frame : padded(frame, length))
          for (let n = 0; n < 3; n++) yield* say(`{"_tag":"Ping"}`)
          expect(client.closed).toBeUndefined()
          const before = yield* workDone
          yield* say(length === undefined ? `{"_tag":"Ping"}` : Frames.pull("1"))
          expect(client.closed).toEqual(tooFast)
          expect(client.texts).toHaveLength(3)
          expect(yield* workDone).toBe(before)
          expect(client.afterEnd).toEqual([])
        }
      })
  )

  testLimits("[LIMIT-7] time fills it again, by a frame each half a second", limits, () =>
    Effect.gen(function* () {
      const client = yield* connect()
      for (let n = 0; n < 3; n++) yield* client.say(`{"_tag":"Ping"}`)
      for (let n = 0; n < 10; n++) {
        yield* TestClock.adjust("500 millis")
        yield* client.say(`{"_tag":"Ping"}`)
      }
      expect(client.closed).toBeUndefined()
      expect(client.texts).toHaveLength(13)
      yield* TestClock.adjust("499 millis")
      yield* client.say(`{"_tag":"Ping"}`)
      expect(client.closed).toEqual(tooFast)
    })
  )

  testLimits("[LIMIT-7] a clock that goes back neither fills it nor holds it up", limits, () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(60_000)
      const [client, other] = [yield* connect(), yield* connect()]
      for (const each of [client, other]) {
        for (let n = 0; n < 3; n++) yield* each.say(`{"_tag":"Ping"}`)
      }
      yield* TestClock.setTime(1_000)
      yield* client.say(`{"_tag":"Ping"}`)
      expect(client.closed).toEqual(tooFast)
      yield* other.leave()
      const third = yield* resume(other)
      yield* TestClock.setTime(1_000)
      yield* third.say(`{"_tag":"Ping"}`)
      expect(third.closed).toBeDefined()
    })
  )

  testLimits(
    "[LIMIT-7] what answers a chunk is free, also of an empty bucket; what answers none is not",
    { frameBurst: 2, framesPerSecond: 1 },
    () =>
      Effect.gen(function* () {
        const reader = yield* connect()
        const pusher = yield* connect()
        yield* reader.say(Frames.pull("1"))
        yield* pusher.say(Frames.push("1", events(1)))
        yield* pusher.say(Frames.push("2", events(2)))
        // Three chunks are owed. The last token goes for something else.
        yield* reader.say(`{"_tag":"Ping"}`)
        for (let n = 0; n < 3; n++) yield* reader.say(Frames.ack("1"))
        expect(reader.closed).toBeUndefined()
        expect(reader.saved).toMatchObject([{ requestId: "1", inFlight: 0 }])
        yield* reader.say(Frames.ack("1"))
        expect(reader.closed).toMatchObject({ code: 1008 })
      })
  )

  testLimits(
    "[LIMIT-7] a stranger's id is owed nothing",
    { frameBurst: 1, framesPerSecond: 1 },
    () =>
      Effect.gen(function* () {
        const client = yield* connect()
        yield* client.say(Frames.pull("1"))
        yield* client.say(Frames.ack("2"))
        expect(client.closed).toMatchObject({ code: 1008 })
      })
  )
})

describe("events a second", () => {
  const limits = { eventBurst: 5, eventsPerSecond: 2 }
  const rateLimited = refused(
    "RateLimited",
    "a connection may push 2 events a second; push again later"
  )

  testLimits(
    "[LIMIT-8] a push beyond the rate leaves all as it was, and is accepted later",
    limits,
    (workDone) =>
      Effect.gen(function* () {
        const client = yield* connect()
        const other = yield* connect()
        yield* client.say(Frames.pull("1"))
        yield* client.say(Frames.push("2", events(1, 4)))
        const before = yield* workDone
        const state = structuredClone(client.state)
        for (const id of ["3", "4", "5"]) {
          yield* client.say(Frames.push(id, events(5, 6)))
          expect(client.exits(id)).toEqual([rateLimited])
        }
        expect(yield* workDone).toBe(before)
        expect(client.closed).toBeUndefined()
        expect(client.state.events).toEqual(state.events)
        expect(client.saved).toEqual(state.subscriptions)
        // It is this connection's own rate, and its pull goes on.
        yield* other.say(Frames.push("1", events(5)))
        expect(client.seqNums("1")).toEqual(range(1, 5))
        yield* TestClock.adjust("499 millis")
        yield* client.say(Frames.push("6", events(6, 7)))
        expect(client.exits("6")).toEqual([rateLimited])
        yield* TestClock.adjust("1 millis")
        yield* client.say(Frames.push("7", events(6, 7)))
        expect(client.exits("7")).toEqual([Frames.accepted])
        expect(client.seqNums("1")).toEqual(range(1, 7))
      })
  )

  testLimits(
    "[LIMIT-11] what waits to be stored has an end, and is taken again when it has been stored",
    {},
    () =>
      Effect.gen(function* () {
        const log = yield* TestLog.TestLog
        const gate = yield* TestLog.makeGate
        log.next("append", TestLog.waitBefore(gate))
        const args = "x".repeat(1_700_000)
        const pushers = yield* Effect.replicateEffect(connect(), 6)
        const pushing = yield* Effect.forEach(pushers, (pusher, index) =>
          Effect.fork(pusher.say(Frames.push("1", events(index + 1, index + 1, { args }))))
        )
        yield* gate.reached
        const [, , , , fifth, sixth] = pushers
        for (const late of [fifth, sixth]) {
          expect(late?.exits("1")).toEqual([
            Frames.refused("RateLimited", "the store has too much to do just now; push again later")
          ])
        }
        // Somebody has to be able to do something.
        const small = yield* connect()
        const pushed = yield* Effect.fork(small.say(Frames.push("1", events(5))))
        yield* gate.open
        yield* Fiber.joinAll([...pushing, pushed])
        expect(small.exits("1")).toEqual([Frames.accepted])
        expect(yield* log.stored).toEqual([1, 2, 3, 4, 5])
        yield* small.say(Frames.push("2", events(6, 6, { args })))
        expect(small.exits("2")).toEqual([Frames.accepted])
      })
  )

  testLimits(
    "[LIMIT-8][LIMIT-11] a push beyond the rate does not wait, and is in nobody's way",
    limits,
    () =>
      Effect.gen(function* () {
        const client = yield* connect()
        const other = yield* connect()
        yield* client.say(Frames.push("1", events(1, 4)))
        const args = "x".repeat(900_000)
        for (const id of range(2, 7).map(String)) {
          yield* client.say(Frames.push(id, events(5, 6, { args })))
          expect(client.exits(id)).toEqual([rateLimited])
        }
        yield* other.say(Frames.push("1", events(5, 5, { args })))
        expect(other.exits("1")).toEqual([Frames.accepted])
      })
  )

  testLimits("[LIMIT-8] a batch larger than the burst is accepted of a full bucket", limits, () =>
    Effect.gen(function* () {
      const client = yield* connect()
      yield* client.say(Frames.push("1", events(1, 8)))
      expect(client.exits("1")).toEqual([Frames.accepted])
      yield* TestClock.adjust("2499 millis")
      yield* client.say(Frames.push("2", events(9, 16)))
      expect(client.exits("2")).toEqual([rateLimited])
      yield* TestClock.adjust("1 millis")
      yield* client.say(Frames.push("3", events(9, 16)))
      expect(client.exits("3")).toEqual([Frames.accepted])
    })
  )

  testLimits(
    "[LIMIT-8] a batch that no rate makes acceptable is refused as such, and costs nothing",
    { ...limits, maxBatchEvents: 5 },
    () =>
      Effect.gen(function* () {
        const client = yield* connect()
        for (const id of ["1", "2", "3"]) {
          yield* client.say(Frames.push(id, events(1, 6)))
          expect(client.exits(id)).toMatchObject([refused("BatchTooLarge")])
        }
        yield* client.say(Frames.push("4", events(1, 5)))
        expect(client.exits("4")).toEqual([Frames.accepted])
      })
  )
})

describe("rates after hibernation", () => {
  testLimits(
    "[LIMIT-10] go on from what was left of them, to within a sixteenth",
    { eventBurst: 160, eventsPerSecond: 16 },
    () =>
      Effect.gen(function* () {
        const client = yield* connect()
        for (let n = 0; n < 8; n++) {
          yield* client.say(Frames.push(`${n}`, events(n * 10 + 1, n * 10 + 10)))
        }
        // It fills up, and is used again: what was kept before must not count as what is left.
        yield* TestClock.adjust("10 seconds")
        yield* client.say(Frames.push("10", events(81, 150)))
        yield* client.say(Frames.push("11", events(151, 159)))
        const resumed = yield* resume(client)
        yield* resumed.say(Frames.push("12", events(160, 160 + 90)))
        expect(resumed.exits("12")).toMatchObject([refused("RateLimited")])
        yield* resumed.say(Frames.push("13", events(160, 160 + 79)))
        expect(resumed.exits("13")).toEqual([Frames.accepted])
      })
  )

  testLimits(
    "[LIMIT-10] are no fuller for having slept",
    { frameBurst: 16, framesPerSecond: 1 },
    () =>
      Effect.gen(function* () {
        let client = yield* connect()
        let sent = 0
        while (client.closed === undefined) {
          yield* client.say(`{"_tag":"Ping"}`)
          sent += 1
          if (client.closed === undefined) client = yield* resume(client)
        }
        expect(sent).toBe(17)
        expect(client.closed).toMatchObject({ code: 1008 })
      })
  )

  testLimits(
    "[LIMIT-10] a limit that is none does not keep a connection from being remembered",
    {
      frameBurst: Number.POSITIVE_INFINITY,
      eventBurst: Number.POSITIVE_INFINITY,
      pullDeadline: Number.POSITIVE_INFINITY
    },
    () =>
      Effect.gen(function* () {
        const client = yield* connect()
        yield* client.say(Frames.push("1", events(1)))
        const resumed = yield* resume(client)
        yield* resumed.say(Frames.push("2", events(2)))
        expect(resumed.exits("2")).toEqual([Frames.accepted])
      })
  )
})
