import { describe, expect, it } from "@effect/vitest"
import { Message } from "@tidelog/sync-protocol"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/TestClock"
import * as Frames from "./support/frames.ts"
import { events, range } from "./support/frames.ts"
import { connect } from "./support/TestConnection.ts"
import type { TestConnection } from "./support/TestConnection.ts"
import * as TestLog from "./support/TestLog.ts"
import { layer, testServer } from "./support/TestServer.ts"

const encodeEvent = Schema.encodeSync(Message.PulledEvent)

const HISTORY = 1_000
const PAGE = 200

/** About twenty pages a second while there is no pause between pushes. */
const BYTES_PER_SECOND = 800_000
const PACED = { limits: { maxPageEvents: PAGE, catchUpBytesPerSecond: BYTES_PER_SECOND } }

/** A pusher, and events that are in the log already, and in the server's memory. */
const withHistory = Effect.gen(function* () {
  const pusher = yield* connect()
  yield* Effect.forEach(range(0, HISTORY / 100 - 1), (index) =>
    pusher.say(Frames.push(`${index}`, events(index * 100 + 1, index * 100 + 100)))
  )
  yield* TestClock.adjust("1 minute")
  let head = HISTORY
  const push = Effect.suspend(() => {
    head += 1
    return pusher.say(Frames.push(`${head}`, events(head)))
  })
  return {
    pusher,
    push,
    head: () => head,
    /** Pushes without a pause. */
    pushFor: (millis: number) =>
      Effect.forEach(range(1, millis / 8), () =>
        Effect.zipRight(push, TestClock.adjust("8 millis"))
      )
  }
})

/** A pull of the whole log whose every chunk is acknowledged as soon as it comes. */
const pullAll = Effect.fnUntraced(function* (live = false) {
  const reader = yield* connect()
  const chunks = yield* Queue.unbounded<void>()
  const ended = yield* Deferred.make<void>()
  reader.onSend = ({ _tag }) => {
    if (_tag === "Chunk") chunks.unsafeOffer()
    else Deferred.unsafeDone(ended, Exit.void)
  }
  yield* Effect.fork(reader.say(Frames.pull("1", { live })))
  yield* Effect.fork(
    Effect.forever(Effect.zipRight(chunks.take, Effect.fork(reader.say(Frames.ack("1")))))
  )
  yield* Effect.yieldNow()
  return { reader, ended: Deferred.await(ended) }
})

/** Bytes of the events of a page of ASCII, as JSON. */
const bytesOf = (page: Message.PullResponse | undefined) =>
  JSON.stringify(page?.batch.map((event) => encodeEvent(event))).length - 2

const pagesOf = (readers: ReadonlyArray<{ readonly reader: TestConnection }>) =>
  readers.reduce((sum, { reader }) => sum + reader.pages("1").length, 0)

describe("pulls that catch up", () => {
  testServer(
    "[PULL-5] have at most 2 chunks unacknowledged, until they are near the head",
    Effect.gen(function* () {
      const { pushFor } = yield* withHistory
      const reader = yield* connect()
      yield* reader.say(Frames.pull("1"))
      expect(reader.pages("1")).toHaveLength(2)
      yield* reader.say(Frames.ack("1"))
      expect(reader.pages("1")).toHaveLength(3)
      yield* Effect.forEach(range(1, 4), () => reader.say(Frames.ack("1")))
      expect(reader.seqNums("1")).toEqual(range(1, HISTORY))
      yield* pushFor(200)
      expect(reader.pages("1")).toHaveLength(5 + 16)
    }),
    PACED
  )

  testServer(
    "[PULL-13] wait for nothing while nobody pushes",
    Effect.gen(function* () {
      yield* withHistory
      const crowd = yield* Effect.all(range(1, 20).map(() => pullAll()))
      yield* Effect.forEach(crowd, ({ ended }) => ended)
      for (const { reader } of crowd) {
        expect(reader.seqNums("1")).toEqual(range(1, HISTORY))
        expect(reader.exits("1")).toHaveLength(1)
      }
    }),
    PACED
  )

  testServer(
    "[PULL-13] share a rate while pushes follow each other, and hold back nobody's push",
    Effect.gen(function* () {
      const { head, push, pushFor, pusher } = yield* withHistory
      yield* push
      const crowd = yield* Effect.all(range(1, 20).map(() => pullAll()))
      yield* pushFor(320)
      expect(pusher.exits(`${head()}`)).toEqual([Frames.accepted])
      // The first at once, and then as many as the rate allows.
      const paced = (0.32 * BYTES_PER_SECOND) / bytesOf(crowd[0]?.reader.pages("1")[0])
      expect(pagesOf(crowd)).toBeGreaterThanOrEqual(Math.floor(paced * 0.8))
      expect(pagesOf(crowd)).toBeLessThanOrEqual(Math.ceil(paced) + 1)
      // What waits for its turn when the pushes pause goes on then.
      yield* TestClock.adjust("1 second")
      yield* Effect.forEach(crowd, ({ ended }) => ended)
      for (const { reader } of crowd) expect(reader.seqNums("1")).toEqual(range(1, head()))
    }),
    PACED
  )

  testServer(
    "[PULL-13] go on in each pause, however little they may be sent without one",
    Effect.gen(function* () {
      const { push } = yield* withHistory
      yield* push
      const crowd = yield* Effect.all(range(1, 20).map(() => pullAll()))
      expect(pagesOf(crowd)).toBeLessThan(20)
      yield* TestClock.adjust("10 millis")
      yield* Effect.forEach(crowd, ({ ended }) => ended)
    }),
    { limits: { maxPageEvents: PAGE, catchUpBytesPerSecond: 1 } }
  )

  testServer(
    "[PULL-13] have all had their turn after 10 s, however little they may be sent",
    Effect.gen(function* () {
      const { push, pushFor } = yield* withHistory
      yield* push
      const crowd = yield* Effect.all(range(1, 100).map(() => pullAll()))
      const before = pagesOf(crowd)
      yield* pushFor(320)
      expect(pagesOf(crowd) - before).toBeGreaterThanOrEqual(3)
      expect(pagesOf(crowd) - before).toBeLessThanOrEqual(6)
    }),
    { limits: { maxPageEvents: PAGE, catchUpBytesPerSecond: 1 } }
  )

  for (const where of ["memory", "the log"]) {
    testServer(
      `[PULL-13] are sent small pages from ${where} while they are held back, and large ones else`,
      Effect.gen(function* () {
        const log = yield* TestLog.TestLog
        const pusher = yield* connect()
        if (where === "memory") yield* pusher.say(Frames.push("1", events(1, HISTORY)))
        else yield* log.appendBehind(events(1, HISTORY))
        // The server learns of what it has not in memory as it would of any other writer's.
        yield* pusher.say(Frames.push("2", events(1)))
        yield* pusher.say(Frames.push("3", events(HISTORY + 1, HISTORY + 200)))
        const held = yield* pullAll()
        yield* TestClock.adjust("9 millis")
        const bytes = bytesOf(held.reader.pages("1")[0])
        // Commas included.
        expect(bytes).toBeLessThanOrEqual(64_000 + 300)
        expect(bytes).toBeGreaterThan(60_000)
        yield* TestClock.adjust("1 second")
        const free = yield* pullAll()
        expect(free.reader.pages("1")[0]?.batch).toHaveLength(HISTORY)
      })
    )
  }

  testServer(
    "[PULL-13] owe nothing for what they were sent while nobody pushed",
    Effect.gen(function* () {
      const { head, push, pushFor } = yield* withHistory
      const crowd = yield* Effect.all(range(1, 20).map(() => pullAll()))
      yield* Effect.forEach(crowd, ({ ended }) => ended)
      yield* push
      const { reader } = yield* pullAll()
      yield* pushFor(320)
      expect(reader.exits("1")).toEqual([Frames.ended])
      expect(head()).toBeGreaterThan(HISTORY)
    }),
    PACED
  )

  testServer(
    "[PULL-13] hold back nobody who follows the log",
    Effect.gen(function* () {
      const { head, push, pushFor } = yield* withHistory
      const follower = yield* pullAll(true)
      yield* TestClock.adjust("1 second")
      yield* push
      yield* Effect.all(range(1, 20).map(() => pullAll()))
      yield* pushFor(50)
      expect(follower.reader.seqNums("1")).toEqual(range(1, head()))
    }),
    PACED
  )

  testServer(
    "[PULL-13] are not those who followed when a large push came",
    Effect.gen(function* () {
      const { head, push, pusher } = yield* withHistory
      const follower = yield* pullAll(true)
      yield* TestClock.adjust("1 second")
      yield* push
      const large = events(head() + 1, head() + 1_000)
      yield* pusher.say(Frames.push("1", large))
      // No time passes.
      expect(follower.reader.seqNums("1")).toEqual(range(1, head() + 1_000))
    }),
    PACED
  )

  testServer(
    "[PUSH-5] come before the answer that the pusher is behind, as far as a full window allows",
    Effect.gen(function* () {
      const { head, push, pusher } = yield* withHistory
      const other = yield* connect()
      yield* other.say(Frames.pull("1"))
      expect(other.pages("1")).toHaveLength(2)
      yield* push
      yield* other.say(Frames.push("2", events(HISTORY + 1, HISTORY + 1, { name: "other" })))
      expect(other.seqNums("1")).toEqual(range(1, head()))
      expect(other.exits("2")).toEqual([Frames.serverAhead(head(), HISTORY)])
      expect(other.order().at(-1)).toBe("Exit 2")
      expect(pusher.exits(`${head()}`)).toEqual([Frames.accepted])
    }),
    PACED
  )

  testServer(
    "[PULL-1] what has to be read for the pusher keeps no event from the others",
    Effect.gen(function* () {
      const log = yield* TestLog.TestLog
      yield* log.appendBehind(events(1, 50))
      const follower = yield* connect()
      const pusher = yield* connect()
      const { backendId } = log.behind
      yield* follower.say(Frames.pull("1", { after: 50, backendId }))
      const gate = yield* TestLog.makeGate
      log.next("read", TestLog.waitBefore(gate))
      yield* Effect.fork(pusher.say(Frames.pull("1")))
      yield* gate.reached
      const pushing = yield* Effect.fork(pusher.say(Frames.push("2", events(51))))
      yield* Effect.yieldNow({ priority: 1 })
      expect(follower.seqNums("1")).toEqual([51])
      expect(pusher.exits("2")).toEqual([])
      yield* gate.open
      yield* Fiber.join(pushing)
      expect(pusher.seqNums("1")).toEqual(range(1, 51))
      expect(pusher.order().at(-1)).toBe("Exit 2")
    })
  )

  testServer(
    "[PUSH-3][PULL-13] are sent all at once when they are the pusher's own",
    Effect.gen(function* () {
      const { head, push, pusher } = yield* withHistory
      yield* push
      yield* Effect.all(range(1, 20).map(() => pullAll()))
      yield* Effect.fork(pusher.say(Frames.pull("1")))
      yield* Effect.yieldNow()
      expect(pusher.pages("1")).toHaveLength(0)
      // No time passes.
      yield* push
      expect(pusher.order().slice(-3)).toEqual(["Chunk 1", "Chunk 1", `Exit ${head()}`])
    }),
    PACED
  )

  testServer(
    "[PULL-6] end while they wait, and nobody waits for them",
    Effect.gen(function* () {
      const { push, pushFor } = yield* withHistory
      yield* push
      const crowd = yield* Effect.all(range(1, 20).map(() => pullAll()))
      const last = yield* pullAll()
      for (const { reader } of crowd.slice(0, 10)) yield* reader.say(Frames.interrupt("1"))
      for (const { reader } of crowd.slice(10)) yield* reader.leave()
      const before = pagesOf(crowd)
      // One is under way, and then it is the only one.
      yield* pushFor(320)
      expect(pagesOf(crowd)).toBe(before)
      expect(last.reader.exits("1")).toHaveLength(1)
      const pulled = last.reader.seqNums("1")
      expect(pulled.length).toBeGreaterThan(HISTORY)
      expect(pulled).toEqual(range(1, pulled.length))
    }),
    PACED
  )

  it.live("[PULL-13] let a push in between", () =>
    Effect.gen(function* () {
      const log = yield* TestLog.TestLog
      yield* log.appendBehind(events(1, HISTORY))
      const pusher = yield* connect()
      // The server learns where the log ends.
      yield* pusher.say(Frames.push("3", events(1)))
      const crowd = yield* Effect.all(range(1, 50).map(() => pullAll()))
      // Whatever came meanwhile is handled from here.
      yield* Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
      expect(pagesOf(crowd)).toBeLessThan(50)
      yield* pusher.say(Frames.push("2", events(HISTORY + 1)))
      expect(pusher.exits("2")).toEqual([Frames.accepted])
      expect(pagesOf(crowd)).toBeLessThan(50)
      yield* Effect.forEach(crowd, ({ ended }) => ended)
      for (const { reader } of crowd) {
        expect(reader.seqNums("1")).toEqual(range(1, HISTORY + 1))
      }
    }).pipe(Effect.provide(layer({ limits: { maxPageEvents: PAGE } })))
  )
})
