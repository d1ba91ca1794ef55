/** Live pulls of objects, over a log and with objects that the test has a hand on. */
import { describe, expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/TestClock"
import type { Session } from "../src/Connection.ts"
import type * as Callers from "../src/do-rpc/Callers.ts"
import { CallerGone } from "../src/do-rpc/Callers.ts"
import * as Subscriptions from "../src/do-rpc/Subscriptions.ts"
import type { LiveServer } from "../src/internal/liveServer.ts"
import { SyncServer } from "../src/SyncServer.ts"
import * as Frames from "./support/frames.ts"
import { events, range, STORE_ID } from "./support/frames.ts"
import { connect } from "./support/TestConnection.ts"
import * as TestLog from "./support/TestLog.ts"
import { testServer } from "./support/TestServer.ts"

const decode = Schema.decodeSync(Schema.parseJson(Subscriptions.Subscription))

/** An object's storage, and an object that takes what it is called with, or does what it is told. */
const setUp = Effect.gen(function* () {
  const server = yield* SyncServer
  const runtime = yield* Effect.runtime<SyncServer>()
  const entries = new Map<string, string>()
  const updates: Array<number> = []
  let around: (
    taken: Effect.Effect<boolean>,
    name: string
  ) => Effect.Effect<boolean, CallerGone> = (taken) => taken

  const caller: Callers.Caller = {
    update: ({ requestId, values: [{ batch }] }) =>
      around(
        Effect.sync(() => {
          updates.push(...batch.map(({ eventEncoded }) => eventEncoded.seqNum))
          return true
        }),
        requestId
      )
  }
  const subscriptions = Subscriptions.make(
    {
      env: {},
      storage: {
        put: async (key: string, value: string) => void entries.set(key, value),
        delete: async (key: string) => entries.delete(key),
        list: async () => new Map(entries)
      },
      storeId: () => STORE_ID
    } as never,
    new Set()
  )
  const live = { server, runtime } as unknown as LiveServer
  const session: Session = { connectionId: "x", storeId: STORE_ID, headers: {} }
  return {
    updates,
    /** Where those stand that are kept. */
    kept: () => [...entries.values()].map((text) => decode(text).cursor),
    revoke: subscriptions.revoke,
    does: (next: typeof around) => {
      around = next
    },
    subscriptions,
    add: (
      cursor: number,
      own: Partial<Session> = {},
      {
        before = [],
        id = "subscription",
        requestId = "1"
      }: {
        readonly before?: ReadonlyArray<string>
        readonly id?: string
        readonly requestId?: string
      } = {}
    ) =>
      subscriptions.add(
        live,
        caller,
        {
          version: 1,
          id,
          requestId,
          caller: { bindingName: "CALLER", durableObjectId: "id" },
          session: { ...session, ...own },
          backendId: server.admin.backendId,
          cursor
        },
        new Set(before)
      ),
    names: () => [...entries.values()].map((text) => decode(text).id).toSorted()
  }
})

const push = (from: number, to = from) =>
  Effect.gen(function* () {
    const pusher = yield* connect()
    yield* pusher.say(Frames.push("1", events(from, to)))
    yield* pusher.leave()
    // Whatever has no time to wait for is done.
    yield* TestClock.adjust(0)
  })

describe("Subscriptions", () => {
  testServer(
    "[RPC-4] are called a second after the pull has ended, and then at once",
    Effect.gen(function* () {
      const { add, updates } = yield* setUp
      yield* add(0)
      yield* push(1)
      yield* TestClock.adjust("999 millis")
      expect(updates).toEqual([])
      yield* TestClock.adjust("1 millis")
      expect(updates).toEqual([1])
      yield* push(2, 3)
      expect(updates).toEqual([1, 2, 3])
    })
  )

  testServer(
    "[RPC-5] are kept with what was taken, and not with what is being offered",
    Effect.gen(function* () {
      const { add, does, kept, updates } = yield* setUp
      yield* add(0)
      expect(kept()).toEqual([0])
      const gate = yield* TestLog.makeGate
      does((taken) => Effect.zipRight(gate.pass, taken))
      yield* push(1)
      yield* push(2)
      yield* TestClock.adjust("5 seconds")
      yield* gate.reached
      expect([kept(), updates]).toEqual([[0], []])
      yield* gate.open
      yield* TestClock.adjust(0)
      expect([kept(), updates]).toEqual([[2], [1, 2]])
    })
  )

  testServer(
    "[RPC-6] end, and are forgotten, if their object takes nothing",
    Effect.gen(function* () {
      const { add, does, kept } = yield* setUp
      yield* add(0)
      does(() => new CallerGone({ cause: new Error("no such object") }))
      yield* push(1)
      yield* TestClock.adjust("1 second")
      expect(kept()).toEqual([])
      const { subscriptions } = yield* (yield* SyncServer).admin.info
      expect(subscriptions).toBe(0)
    })
  )

  testServer(
    "[RPC-6] end, and are forgotten, if nobody in their object waits any more",
    Effect.gen(function* () {
      const { add, does, kept, updates } = yield* setUp
      yield* add(0)
      does((taken) => Effect.as(taken, false))
      yield* push(1)
      yield* TestClock.adjust("1 second")
      yield* push(2)
      expect([kept(), updates]).toEqual([[], [1]])
      const { subscriptions } = yield* (yield* SyncServer).admin.info
      expect(subscriptions).toBe(0)
    })
  )

  testServer(
    "[RPC-6] end with a later life of their object, and no others do",
    Effect.gen(function* () {
      const { add, names, subscriptions } = yield* setUp
      const caller = { bindingName: "CALLER", durableObjectId: "id" }
      yield* add(0, {}, { id: "nine", requestId: "9" })
      yield* add(0, {}, { id: "ten", requestId: "10", before: ["nine"] })
      expect(names()).toEqual(["nine", "ten"])
      expect(yield* subscriptions.namesOf(caller)).toEqual(new Set(["nine", "ten"]))
      expect(yield* subscriptions.namesOf({ ...caller, bindingName: "OTHER" })).toEqual(new Set())
      // One that began before the others were there, and took longer.
      yield* add(0, {}, { id: "slow", requestId: "8" })
      expect(names()).toEqual(["nine", "slow", "ten"])
      // Another identity's.
      yield* add(0, { identity: "mallory" }, { id: "mallory", requestId: "1", before: names() })
      expect(names()).toEqual(["mallory", "nine", "slow", "ten"])
      const before = names()
      yield* add(0, {}, { id: "later", requestId: "9", before })
      // It may be claimed by somebody else, until its object has taken a page.
      expect(names()).toEqual(["later", ...before])
      yield* push(1)
      yield* TestClock.adjust("1 second")
      expect(names()).toEqual(["later", "mallory", "slow"])
      const { subscriptions: open } = yield* (yield* SyncServer).admin.info
      expect(open).toBe(3)
    })
  )

  testServer(
    "[RPC-6] in the name of another object end with their first page, and have ended nothing",
    Effect.gen(function* () {
      const { add, does, names, updates } = yield* setUp
      yield* add(0, {}, { id: "own", requestId: "5" })
      yield* push(1)
      yield* TestClock.adjust("1 second")
      for (let count = 1; count <= 6; count++) {
        // As if they were of a later life, and as if they were the next ones.
        const requestId = `${count % 2 === 0 ? count : 10 + count}`
        yield* add(0, {}, { id: `false-${count}`, requestId, before: names() })
      }
      expect(names()).toHaveLength(4)
      expect(names()).toContain("own")
      does((taken, name) => Effect.as(taken, name === "own"))
      yield* push(2)
      yield* TestClock.adjust("1 second")
      expect(names()).toEqual(["own"])
      updates.length = 0
      yield* push(3)
      expect(updates).toEqual([3])
    })
  )

  testServer(
    "[RPC-6] of an object that answers nothing end if another one names it, but not if its identity is another",
    Effect.gen(function* () {
      const { add, does, names, updates } = yield* setUp
      yield* add(0, { identity: "ann" }, { id: "own", requestId: "5" })
      yield* push(1)
      yield* TestClock.adjust("1 second")
      // As LiveStore's own client, it says nothing to a name that it does not wait for.
      does((taken, name) => (name === "own" ? taken : Effect.succeed(true)))
      yield* add(1, { identity: "mallory" }, { id: "false-1", requestId: "0", before: names() })
      yield* push(2)
      yield* TestClock.adjust("1 second")
      expect([names(), updates]).toEqual([
        ["false-1", "own"],
        [1, 2]
      ])
      yield* add(2, { identity: "ann" }, { id: "false-2", requestId: "0", before: names() })
      yield* push(3)
      yield* TestClock.adjust("1 second")
      // As after a start of its object: the server cannot tell the two apart.
      expect(names()).toEqual(["false-1", "false-2"])
    })
  )

  testServer(
    "[RPC-6][AUTH-8] end with their identity, which is sent nothing more",
    Effect.gen(function* () {
      const { add, kept, updates } = yield* setUp
      const server = yield* SyncServer
      yield* add(0, { expiresAt: 10_000 })
      yield* push(1)
      yield* TestClock.adjust("10 seconds")
      yield* push(2)
      yield* server.closeDue
      yield* TestClock.adjust("1 second")
      expect([kept(), updates]).toEqual([[], [1]])
    })
  )

  testServer(
    "[RPC-7] go on after five seconds, where they stand, if the log could not be read",
    Effect.gen(function* () {
      const { add, kept, updates } = yield* setUp
      const log = yield* TestLog.TestLog
      yield* log.appendBehind(events(1, 1_500))
      yield* push(1_501)
      yield* TestClock.adjust("1 second")
      log.next("read", TestLog.failBefore)
      yield* add(0)
      yield* TestClock.adjust("4 seconds")
      expect([kept(), updates]).toEqual([[0], []])
      yield* TestClock.adjust("2 seconds")
      expect([kept(), updates]).toEqual([[1_501], range(1, 1_501)])
    })
  )

  testServer(
    "[RPC-6][AUTH-9] do not go on if their access is revoked before those five seconds are over",
    Effect.gen(function* () {
      const { add, kept, revoke, updates } = yield* setUp
      const log = yield* TestLog.TestLog
      yield* log.appendBehind(events(1, 1_500))
      yield* push(1_501)
      yield* TestClock.adjust("1 second")
      log.next("read", TestLog.failBefore)
      yield* add(0, { identity: { user: "ann" } })
      yield* TestClock.adjust("4 seconds")
      expect(yield* revoke({ user: "ann" })).toBe(1)
      yield* TestClock.adjust("5 seconds")
      expect([kept(), updates]).toEqual([[], []])
    })
  )

  testServer(
    "[RPC-6][RESTORE-2] end if the log is cut back behind what they were handed",
    Effect.gen(function* () {
      const { add, kept, updates } = yield* setUp
      const log = yield* TestLog.TestLog
      yield* add(0)
      yield* push(1, 10)
      yield* TestClock.adjust("1 second")
      expect([kept(), updates]).toEqual([[10], range(1, 10)])
      log.cutBehind(5)
      yield* TestClock.adjust("1 second")
      const reader = yield* connect()
      yield* reader.say(Frames.pull("1"))
      yield* TestClock.adjust("1 second")
      expect([kept(), updates]).toEqual([[], range(1, 10)])
    })
  )
})
