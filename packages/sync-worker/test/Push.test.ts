import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import { SyncServer } from "../src/SyncServer.ts"
import * as Frames from "./support/frames.ts"
import { event, events, range, serverAhead } from "./support/frames.ts"
import { connect } from "./support/TestConnection.ts"
import * as TestLog from "./support/TestLog.ts"
import { layer, testServer } from "./support/TestServer.ts"

const UNAVAILABLE = Frames.refused(
  "StorageUnavailable",
  "the events could not be stored just now; push them again"
)

/** Pushes from a connection of its own, and gives what the push ended with. */
const push = Effect.fnUntraced(function* (
  batch: Parameters<typeof Frames.push>[1],
  options?: Parameters<typeof Frames.push>[2]
) {
  const pusher = yield* connect()
  yield* pusher.say(Frames.push("1", batch, options))
  expect(pusher.closed).toBeUndefined()
  const [exit, ...more] = pusher.exits("1")
  expect(more).toEqual([])
  yield* pusher.leave()
  return exit
})

/** A connection that follows the log. */
const follow = Effect.fnUntraced(function* () {
  const reader = yield* connect()
  yield* reader.say(Frames.pull("1"))
  return reader
})

describe("accepting", () => {
  testServer(
    "[PUSH-1] accepts batches that continue the log, and nothing that does not",
    Effect.gen(function* () {
      const { stored } = yield* TestLog.TestLog
      expect(yield* push(events(1, 3))).toEqual(Frames.accepted)
      expect(yield* push(events(4))).toEqual(Frames.accepted)
      expect(yield* push(events(4))).toEqual(Frames.accepted)
      expect(yield* push(events(4, 5, { name: "other" }))).toEqual(serverAhead(4, 3))
      expect(yield* stored).toEqual(range(1, 4))
    })
  )

  it.effect("[PUSH-4] accepts a batch that is stored already without asking the app again", () =>
    Effect.gen(function* () {
      let asked = 0
      const onPush = () => {
        asked += 1
        return asked === 1 ? undefined : Effect.fail("no more")
      }
      const body = Effect.gen(function* () {
        expect(yield* push(events(1, 3))).toEqual(Frames.accepted)
        expect(yield* push(events(1, 3))).toEqual(Frames.accepted)
        expect(asked).toBe(1)
      })
      yield* Effect.provide(body, layer({ onPush }))
    })
  )

  testServer(
    "[EVENT-3] accepts a chain whose numbers leap",
    Effect.gen(function* () {
      const { stored } = yield* TestLog.TestLog
      expect(yield* push([event(20_000, { parentSeqNum: 0 })])).toEqual(Frames.accepted)
      expect(yield* push([event(20_007, { parentSeqNum: 20_000 })])).toEqual(Frames.accepted)
      expect(yield* push([event(20_003, { parentSeqNum: 20_000 })])).toEqual(
        serverAhead(20_007, 20_000)
      )
      expect(yield* stored).toEqual([20_000, 20_007])
      expect((yield* follow()).seqNums("1")).toEqual([20_000, 20_007])
    })
  )

  testServer(
    "[PUSH-1] a handler that is interrupted while it stores has stored all, and knows it",
    Effect.gen(function* () {
      const log = yield* TestLog.TestLog
      const reader = yield* follow()
      const gate = yield* TestLog.makeGate
      log.next("append", TestLog.waitBefore(gate))
      const pusher = yield* connect()
      const pushing = yield* Effect.fork(pusher.say(Frames.push("1", events(1, 2))))
      yield* gate.reached
      const interrupting = yield* Effect.fork(Fiber.interrupt(pushing))
      yield* Effect.yieldNow()
      yield* gate.open
      yield* Fiber.join(interrupting)
      log.calls.length = 0
      expect(yield* push(events(3))).toEqual(Frames.accepted)
      expect(log.calls).toEqual(["append"])
      expect(yield* log.stored).toEqual(range(1, 3))
      expect(reader.seqNums("1")).toEqual(range(1, 3))
    })
  )

  testServer(
    "[PUSH-2] answers only when the events are stored",
    Effect.gen(function* () {
      const log = yield* TestLog.TestLog
      const gate = yield* TestLog.makeGate
      log.next("append", TestLog.waitBefore(gate))
      const reader = yield* follow()
      const pusher = yield* connect()
      const pushing = yield* Effect.fork(pusher.say(Frames.push("1", events(1))))
      yield* gate.reached
      expect(pusher.frames).toEqual([])
      expect(reader.seqNums("1")).toEqual([])
      yield* gate.open
      yield* Fiber.join(pushing)
      expect(pusher.exits("1")).toEqual([Frames.accepted])
      expect(reader.seqNums("1")).toEqual([1])
    })
  )

  testServer(
    "[PUSH-3] the pusher sees its events on all its pulls before its push succeeds",
    Effect.gen(function* () {
      const pusher = yield* connect()
      for (const id of ["1", "2"]) yield* pusher.say(Frames.pull(id))
      yield* pusher.say(Frames.push("3", events(1, 2)))
      expect(pusher.order()).toEqual(["Chunk 1", "Chunk 2", "Chunk 1", "Chunk 2", "Exit 3"])
      for (const id of ["1", "2"]) expect(pusher.seqNums(id)).toEqual([1, 2])
    })
  )

  testServer(
    "[PUSH-3] also where a pull of the pusher still reads from the log",
    Effect.gen(function* () {
      const log = yield* TestLog.TestLog
      yield* log.appendBehind(events(1, 3))
      // The server hears of them by a push for the former head.
      expect(yield* push(events(1, 1, { name: "other" }))).toEqual(serverAhead(3, 0))
      const gate = yield* TestLog.makeGate
      log.next("read", TestLog.waitAfter(gate))
      const pusher = yield* connect()
      const pulling = yield* Effect.fork(pusher.say(Frames.pull("1")))
      yield* gate.reached
      const pushing = yield* Effect.fork(pusher.say(Frames.push("2", events(4))))
      yield* Effect.yieldNow()
      expect(pusher.frames).toEqual([])
      yield* gate.open
      yield* Fiber.join(pulling)
      yield* Fiber.join(pushing)
      expect(pusher.order().at(-1)).toBe("Exit 2")
      expect(pusher.seqNums("1")).toEqual(range(1, 4))
    }),
    { limits: { maxPageEvents: 2 } }
  )

  testServer(
    "[PUSH-7] accepts an empty batch, and asks the log nothing",
    Effect.gen(function* () {
      const log = yield* TestLog.TestLog
      log.calls.length = 0
      expect(yield* push([])).toEqual(Frames.accepted)
      expect(log.calls).toEqual([])
    })
  )

  testServer(
    "[PUSH-8] a push for another log fails, and says which is which",
    Effect.gen(function* () {
      const { behind, stored } = yield* TestLog.TestLog
      expect(yield* push(events(1), { backendId: "another" })).toEqual(
        Frames.failed({
          _tag: "BackendIdMismatchError",
          expected: behind.backendId,
          received: "another"
        })
      )
      expect(yield* stored).toEqual([])
      const { backendId } = behind
      expect(yield* push(events(1), { backendId })).toEqual(Frames.accepted)
    })
  )

  testServer(
    "[PULL-1] events carry the time at which they were accepted",
    Effect.gen(function* () {
      yield* TestClock.adjust("90 seconds")
      yield* push(events(1))
      const [page] = (yield* follow()).pages("1")
      expect(page?.batch[0]?.metadata).toMatchObject({
        value: { createdAt: "1970-01-01T00:01:30.000Z" }
      })
    })
  )
})

describe("pushing again", () => {
  testServer(
    "[PUSH-4] a batch that is stored is accepted again and changes nothing",
    Effect.gen(function* () {
      const log = yield* TestLog.TestLog
      const reader = yield* follow()
      const batch = events(1, 3, { args: { a: 1, b: [{ c: null }] } })
      yield* push(batch)
      expect(yield* push(batch), "the whole batch").toEqual(Frames.accepted)
      expect(yield* push(batch.slice(0, 2)), "its start").toEqual(Frames.accepted)
      expect(yield* push(batch.slice(1)), "its end").toEqual(Frames.accepted)
      const reordered = events(1, 3, { args: { b: [{ c: null }], a: 1 } })
      expect(yield* push(reordered), "other keys first").toEqual(Frames.accepted)
      yield* push(events(4, 5, { clientId: "client-b" }))
      expect(yield* push(batch), "after others").toEqual(Frames.accepted)
      expect(yield* log.stored).toEqual(range(1, 5))
      expect(reader.seqNums("1")).toEqual(range(1, 5))
    })
  )

  testServer(
    "[PUSH-4] a batch that differs in anything is another",
    Effect.gen(function* () {
      const log = yield* TestLog.TestLog
      yield* push(events(1, 2, { args: { a: 1 } }))
      for (const difference of [
        { name: "todoDeleted-v1" },
        { args: { a: 2 } },
        { args: undefined },
        { args: null },
        { clientId: "client-b" },
        { sessionId: "session-b" }
      ]) {
        const [first, second] = events(1, 2, { args: { a: 1 } })
        if (first === undefined || second === undefined) throw new Error("no events")
        expect(yield* push([first, { ...second, ...difference }])).toEqual(serverAhead(2, 0))
      }
      expect(yield* push(events(1, 3, { args: { a: 1 } })), "one event more").toEqual(
        serverAhead(2, 0)
      )
      expect(yield* log.stored).toEqual([1, 2])
    })
  )

  testServer(
    "[PUSH-4] a batch of another chain through the same positions is another",
    Effect.gen(function* () {
      yield* push([event(2, { parentSeqNum: 0 }), event(4, { parentSeqNum: 2 })])
      expect(yield* push([event(4, { parentSeqNum: 0 })])).toEqual(serverAhead(4, 0))
      expect(yield* push([event(4, { parentSeqNum: 3 })])).toEqual(serverAhead(4, 3))
      expect(yield* push([event(4, { parentSeqNum: 2 })])).toEqual(Frames.accepted)
    })
  )
})

describe("what is in the place of a push", () => {
  /** How much of the log a push makes the server read: the bytes of each look. */
  const looks = Effect.fnUntraced(function* (
    count: number,
    pushing: Effect.Effect<void, never, SyncServer>
  ) {
    const log = yield* TestLog.TestLog
    const bytes: Array<number> = []
    const weigh: TestLog.Around = (run) =>
      Effect.tap(run, (read) => Effect.sync(() => bytes.push(JSON.stringify(read).length)))
    log.next("read", ...Array.from({ length: count }, () => weigh))
    yield* pushing
    log.reset()
    return bytes
  })

  testServer(
    "[PUSH-4] is read up to the first event that differs, however large the events there are",
    Effect.gen(function* () {
      const log = yield* TestLog.TestLog
      const large = { args: { text: "x".repeat(300_000) }, clientId: "client-b" }
      yield* log.appendBehind(events(1, 100, large))
      const late = Effect.gen(function* () {
        expect(yield* push(events(1, 100))).toEqual(serverAhead(100, 0))
      })
      const read = yield* looks(10, late)
      expect(read).toHaveLength(1)
      expect(Math.max(...read)).toBeLessThan(1_500_000)
    })
  )

  testServer(
    "[PUSH-4] is found to be the same, or to differ at its end, also where that takes several looks",
    Effect.gen(function* () {
      const log = yield* TestLog.TestLog
      const large = { args: { text: "x".repeat(180_000) } }
      yield* log.appendBehind(events(1, 10, large))
      const again = Effect.gen(function* () {
        expect(yield* push(events(1, 10, large))).toEqual(Frames.accepted)
      })
      const read = yield* looks(10, again)
      expect(read).toHaveLength(2)
      expect(Math.max(...read)).toBeLessThan(1_500_000)
      expect(yield* push(events(1, 11, large)), "one more").toEqual(serverAhead(10, 0))
      const other = [...events(1, 9, large), ...events(10, 10, { ...large, name: "other" })]
      expect(yield* push(other), "another end").toEqual(serverAhead(10, 0))
      expect(yield* log.stored).toEqual(range(1, 10))
    })
  )
})

describe("somebody else came first", () => {
  testServer(
    "[PUSH-5] the pusher is sent all it is behind on, and then told",
    Effect.gen(function* () {
      const log = yield* TestLog.TestLog
      const pusher = yield* follow()
      const bystander = yield* follow()
      yield* log.appendBehind(events(1, 5, { clientId: "client-b" }))
      yield* pusher.say(Frames.push("2", events(1)))
      expect(pusher.order()).toEqual(["Chunk 1", "Chunk 1", "Chunk 1", "Chunk 1", "Exit 2"])
      expect(pusher.seqNums("1")).toEqual(range(1, 5))
      expect(pusher.exits("2")).toEqual([serverAhead(5, 0)])
      // What was found out on the way is told to the others as well.
      expect(bystander.seqNums("1")).toEqual(range(1, 5))
      yield* pusher.say(Frames.push("3", events(6)))
      expect(pusher.exits("3")).toEqual([Frames.accepted])
      expect(yield* log.stored).toEqual(range(1, 6))
    }),
    { limits: { maxPageEvents: 2 } }
  )

  testServer(
    "[PUSH-1] a push that continues what somebody else wrote is accepted",
    Effect.gen(function* () {
      const log = yield* TestLog.TestLog
      const reader = yield* follow()
      yield* log.appendBehind(events(1, 2))
      expect(yield* push(events(3))).toEqual(Frames.accepted)
      expect(reader.seqNums("1")).toEqual([1, 2, 3])
    })
  )

  testServer(
    "[PUSH-4] a push that somebody else has stored is accepted",
    Effect.gen(function* () {
      const log = yield* TestLog.TestLog
      const reader = yield* follow()
      yield* log.appendBehind(events(1, 2))
      expect(yield* push(events(1, 2))).toEqual(Frames.accepted)
      expect(yield* log.stored).toEqual([1, 2])
      expect(reader.seqNums("1")).toEqual([1, 2])
    })
  )
})

describe("a storage that fails", () => {
  testServer(
    "[PUSH-9] what was not stored fails as StorageUnavailable, and may be pushed again",
    Effect.gen(function* () {
      const log = yield* TestLog.TestLog
      const reader = yield* follow()
      log.next("append", TestLog.failBefore)
      expect(yield* push(events(1, 2))).toEqual(UNAVAILABLE)
      expect(yield* log.stored).toEqual([])
      expect(yield* push(events(1, 2))).toEqual(Frames.accepted)
      expect(reader.seqNums("1")).toEqual([1, 2])
    })
  )

  testServer(
    "[PUSH-9] what was stored is accepted although its answer was lost, and delivered first",
    Effect.gen(function* () {
      const log = yield* TestLog.TestLog
      const reader = yield* follow()
      log.next("append", TestLog.failAfter)
      const pusher = yield* follow()
      yield* pusher.say(Frames.push("2", events(1, 2)))
      expect(pusher.order()).toEqual(["Chunk 1", "Chunk 1", "Exit 2"])
      expect(pusher.exits("2")).toEqual([Frames.accepted])
      expect(reader.seqNums("1")).toEqual([1, 2])
      expect(yield* push(events(3))).toEqual(Frames.accepted)
      expect(yield* log.stored).toEqual([1, 2, 3])
    })
  )

  testServer(
    "[PUSH-9] without an answer to the question either, nothing is claimed",
    Effect.gen(function* () {
      const log = yield* TestLog.TestLog
      const reader = yield* follow()
      for (const lost of ["head", "read"] as const) {
        const { length } = yield* log.stored
        log.next("append", TestLog.failAfter)
        log.next(lost, TestLog.failBefore)
        const batch = events(length + 1)
        expect(yield* push(batch)).toEqual(UNAVAILABLE)
        expect(yield* push(batch)).toEqual(Frames.accepted)
        expect(reader.seqNums("1")).toEqual(range(1, length + 1))
      }
    })
  )

  testServer(
    "[PUSH-9] if it failed and somebody else came first, the pusher is behind",
    Effect.gen(function* () {
      const log = yield* TestLog.TestLog
      log.next("append", (run) =>
        Effect.zipRight(Effect.orDie(log.appendBehind(events(1, 3))), TestLog.failBefore(run))
      )
      expect(yield* push(events(1, 1, { name: "mine" }))).toEqual(serverAhead(3, 0))
      expect(yield* log.stored).toEqual([1, 2, 3])
    })
  )
})

describe("many at once", () => {
  testServer(
    "[PUSH-11] of several pushes for one head exactly one is accepted",
    Effect.gen(function* () {
      const log = yield* TestLog.TestLog
      const reader = yield* follow()
      for (const from of [1, 4, 7]) {
        const exits = yield* Effect.forEach(
          ["a", "b", "c", "d", "e"],
          (clientId) => push(events(from, from + 2, { clientId })),
          { concurrency: "unbounded" }
        )
        expect(exits[0], "the first to come").toEqual(Frames.accepted)
        for (const exit of exits.slice(1)) expect(exit).toEqual(serverAhead(from + 2, from - 1))
      }
      expect(yield* log.stored).toEqual(range(1, 9))
      expect(reader.seqNums("1")).toEqual(range(1, 9))
    })
  )

  it.effect("[PUSH-11] pushes wait for one another, in the order of their arrival", () =>
    Effect.gen(function* () {
      const gate = yield* TestLog.makeGate
      const body = Effect.gen(function* () {
        const pushers = yield* Effect.forEach(range(1, 6), () => connect())
        const pushing = yield* Effect.forEach(pushers, (pusher, index) =>
          Effect.fork(pusher.say(Frames.push("1", events(index + 1))))
        )
        yield* gate.reached
        yield* Effect.yieldNow()
        for (const pusher of pushers) expect(pusher.frames).toEqual([])
        yield* gate.open
        yield* Fiber.joinAll(pushing)
        for (const pusher of pushers) expect(pusher.exits("1")).toEqual([Frames.accepted])
      })
      // The rule for the first takes its time; the others could be done long before.
      const onPush = ({ batch }: { batch: ReadonlyArray<{ seqNum: number }> }) =>
        batch[0]?.seqNum === 1 ? gate.pass : undefined
      yield* Effect.provide(body, layer({ onPush }))
    })
  )

  testServer(
    "[PUSH-11] they do so where there is no rule, too: a slow storage is asked for one at a time",
    Effect.gen(function* () {
      const log = yield* TestLog.TestLog
      const gate = yield* TestLog.makeGate
      log.next("append", TestLog.waitBefore(gate))
      const [first, second] = [yield* connect(), yield* connect()]
      const pushing = [
        yield* Effect.fork(first.say(Frames.push("1", events(1)))),
        yield* gate.reached.pipe(
          Effect.zipRight(second.say(Frames.push("1", events(2)))),
          Effect.fork
        )
      ]
      yield* gate.reached
      yield* Effect.repeatN(Effect.yieldNow(), 20)
      expect(log.calls).toEqual(["append"])
      yield* gate.open
      yield* Fiber.joinAll(pushing)
      expect(log.calls).toEqual(["append", "append"])
      expect([first, second].map((pusher) => pusher.exits("1"))).toEqual([
        [Frames.accepted],
        [Frames.accepted]
      ])
    })
  )

  testServer(
    "[PUSH-12] an Interrupt of a push changes nothing",
    Effect.gen(function* () {
      const log = yield* TestLog.TestLog
      const gate = yield* TestLog.makeGate
      log.next("append", TestLog.waitBefore(gate))
      const pusher = yield* connect()
      const pushing = yield* Effect.fork(pusher.say(Frames.push("1", events(1))))
      yield* gate.reached
      yield* pusher.say(Frames.interrupt("1"))
      yield* gate.open
      yield* Fiber.join(pushing)
      expect(pusher.order()).toEqual(["Exit 1"])
      expect(pusher.exits("1")).toEqual([Frames.accepted])
      expect(yield* log.stored).toEqual([1])
    })
  )
})

describe("limits", () => {
  testServer(
    "[REFUSE-3] a batch of exactly the limit is accepted, one more event is not",
    Effect.gen(function* () {
      expect(yield* push(events(1, 4))).toEqual(
        Frames.refused("BatchTooLarge", "the push has 4 events; at most 3 are taken at once")
      )
      expect(yield* push(events(1, 3))).toEqual(Frames.accepted)
    }),
    { limits: { maxBatchEvents: 3 } }
  )

  testServer(
    "[REFUSE-3] an event is measured in bytes, name and arguments",
    Effect.gen(function* () {
      const log = yield* TestLog.TestLog
      // 4 of the name, 2 quotes, and what is left: 94 bytes.
      const sized = (args: string) => events(1, 1, { name: "name", args })
      for (const args of ["x".repeat(95), "é".repeat(48), "🌊".repeat(24), `"`.repeat(48)]) {
        expect(yield* push(sized(args))).toEqual(
          Frames.refused("EventTooLarge", "event 1 (name) is larger than 100 bytes")
        )
      }
      expect(yield* log.stored).toEqual([])
      expect(yield* push(sized("é".repeat(47)))).toEqual(Frames.accepted)
    }),
    { limits: { maxEventBytes: 100 } }
  )

  testServer(
    "[REFUSE-3] one event that is too large keeps the whole batch out",
    Effect.gen(function* () {
      const log = yield* TestLog.TestLog
      const batch = [...events(1, 2), ...events(3, 3, { args: "x".repeat(200) })]
      expect(yield* push(batch)).toMatchObject(Frames.refused("EventTooLarge"))
      expect(yield* log.stored).toEqual([])
    }),
    { limits: { maxEventBytes: 100 } }
  )

  testServer(
    "[PUSH-6] a batch that is no chain is refused before the log is asked",
    Effect.gen(function* () {
      const log = yield* TestLog.TestLog
      log.calls.length = 0
      const broken = [...events(1, 2), ...events(4)]
      expect(yield* push(broken)).toEqual(
        Frames.refused("InvalidBatch", "event 4 follows 2 but names 3 as its parent")
      )
      expect(yield* push([event(0, { parentSeqNum: 0 })])).toMatchObject(
        Frames.refused("InvalidBatch")
      )
      expect(log.calls).toEqual([])
    })
  )
})

describe("a pusher that leaves", () => {
  testServer(
    "[PUSH-1] before its answer: the push is stored and told to the others",
    Effect.gen(function* () {
      const log = yield* TestLog.TestLog
      const reader = yield* follow()
      for (const [index, wait] of [TestLog.waitBefore, TestLog.waitAfter].entries()) {
        const gate = yield* TestLog.makeGate
        log.next("append", wait(gate))
        const pusher = yield* follow()
        const pushing = yield* Effect.fork(pusher.say(Frames.push("2", events(index + 1))))
        yield* gate.reached
        yield* pusher.leave()
        yield* gate.open
        yield* Fiber.join(pushing)
        expect(pusher.afterEnd).toEqual([])
        expect(pusher.exits("2")).toEqual([])
        expect(reader.seqNums("1")).toEqual(range(1, index + 1))
      }
      expect(yield* log.stored).toEqual([1, 2])
    })
  )

  it.effect(
    "[PUSH-11] while its rule thinks: it is not stored, and the next push has its turn",
    () =>
      Effect.gen(function* () {
        const gate = yield* TestLog.makeGate
        const body = Effect.gen(function* () {
          const leaver = yield* connect()
          const leaving = yield* Effect.fork(leaver.say(Frames.push("1", events(1))))
          yield* gate.reached
          const next = yield* Effect.fork(push(events(1, 1, { clientId: "next" })))
          yield* leaver.leave()
          yield* (yield* SyncServer).disconnect(leaver)
          yield* gate.open
          yield* Fiber.join(leaving)
          expect(yield* Fiber.join(next)).toEqual(Frames.accepted)
          expect(yield* (yield* TestLog.TestLog).stored).toEqual([1])
          expect(leaver.afterEnd).toEqual([])
        })
        yield* Effect.provide(body, layer({ onPush: () => gate.pass }))
      })
  )
})
