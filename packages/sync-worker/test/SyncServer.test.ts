import { describe, expect, it } from "@effect/vitest"
import { Frame } from "@tidelog/sync-protocol"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as HashMap from "effect/HashMap"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as TestClock from "effect/TestClock"
import { SyncServer } from "../src/SyncServer.ts"
import * as Frames from "./support/frames.ts"
import { events, range, refused } from "./support/frames.ts"
import { connect, TestConnection } from "./support/TestConnection.ts"
import * as TestLog from "./support/TestLog.ts"
import { layer, testServer } from "./support/TestServer.ts"
import type { ServerOptions } from "./support/TestServer.ts"

interface Line {
  readonly message: unknown
  readonly cause: string
  readonly annotations: Record<string, unknown>
}

/** Declares a test on a server whose log lines are kept. */
const testLogged = (
  name: string,
  body: (lines: Array<Line>) => Effect.Effect<void, never, SyncServer | TestLog.TestLog>,
  options?: ServerOptions
) => {
  const lines: Array<Line> = []
  const logger = Logger.make(({ annotations, cause, message }) => {
    lines.push({
      message,
      cause: Cause.pretty(cause, { renderErrorCause: true }),
      annotations: Object.fromEntries(HashMap.toEntries(annotations))
    })
  })
  it.effect(name, () =>
    body(lines).pipe(Effect.provide(Layer.merge(layer(options), Logger.add(logger))))
  )
}

/** A reader who must not notice what happens to another. */
const bystander = Effect.gen(function* () {
  const reader = yield* connect()
  yield* reader.say(Frames.pull("1"))
  return reader
})

const expectUnharmed = Effect.fnUntraced(function* (reader: TestConnection) {
  const { stored } = yield* TestLog.TestLog
  const head = (yield* stored).length
  yield* reader.say(Frames.push("99", events(head + 1)))
  expect(reader.exits("99")).toEqual([Frames.accepted])
  expect(reader.closed).toBeUndefined()
  expect(reader.seqNums("1")).toEqual(range(1, head + 1))
})

describe("requests", () => {
  testServer(
    "[FRAME-6] an unknown request fails by its own id",
    Effect.gen(function* () {
      const client = yield* bystander
      yield* client.say(Frames.unknownRequest("2"))
      expect(client.exits("2")).toEqual([
        refused("UnknownRequest", "this server has no request SyncWsRpc.Nope")
      ])
      yield* expectUnharmed(client)
    })
  )

  testServer(
    "[FRAME-6] an id that is in use ends both requests: their sender cannot tell them apart",
    Effect.gen(function* () {
      const client = yield* connect()
      for (const again of [
        Frames.pull("1"),
        Frames.push("1", events(1)),
        Frames.unknownRequest("1")
      ]) {
        const before = client.frames.length
        yield* client.say(Frames.pull("1"))
        yield* client.say(again)
        expect(client.order().slice(before)).toEqual(["Chunk 1", "Exit 1"])
        expect(client.exits("1").at(-1)).toEqual(refused("DuplicateRequestId", "1 is already open"))
        expect(client.saved).toEqual([])
      }
      // The id is free again, and the push was not made.
      yield* client.say(Frames.pull("1"))
      yield* expectUnharmed(client)
    })
  )

  it.effect("[FRAME-6] an id is in use from the moment it is asked with", () =>
    Effect.gen(function* () {
      const gate = yield* TestLog.makeGate
      const body = Effect.gen(function* () {
        const client = yield* connect()
        const first = yield* Effect.fork(client.say(Frames.pull("1")))
        yield* gate.reached
        yield* client.say(Frames.pull("1"))
        yield* gate.open
        yield* first.await
        expect(client.order()).toEqual(["Exit 1"])
        expect(client.exits("1")).toEqual([refused("DuplicateRequestId", "1 is already open")])
      })
      yield* Effect.provide(body, layer({ onPull: () => gate.pass }))
    })
  )

  testServer(
    "[FRAME-2] Ping and Eof are understood here as well",
    Effect.gen(function* () {
      const client = yield* bystander
      yield* client.say(`{"_tag":"Ping"}`)
      yield* client.say(`{"_tag":"Eof"}`)
      expect(client.texts.slice(1)).toEqual([Frame.PONG_TEXT])
      yield* expectUnharmed(client)
    })
  )

  testServer(
    "[FRAME-1] a frame may come as bytes, with keys in any order and unknown ones",
    Effect.gen(function* () {
      const client = yield* connect()
      const { payload, ...rest } = JSON.parse(Frames.pull("1"))
      const frame = JSON.stringify({ future: { is: "here" }, payload, ...rest })
      yield* client.say(new TextEncoder().encode(frame))
      yield* expectUnharmed(client)
    })
  )
})

describe("refusals", () => {
  testLogged(
    "[REFUSE-4] each is logged once, with its store and its connection",
    (lines) =>
      Effect.gen(function* () {
        const client = yield* connect([], { connectionId: "c-logged" })
        yield* client.say(Frames.unknownRequest("7"))
        yield* client.say(Frames.push("8", events(1, 4)))
        yield* client.say("nonsense")
        const where = { storeId: Frames.STORE_ID, connectionId: "c-logged" }
        expect(lines).toMatchObject([
          {
            message: ["request refused"],
            annotations: { ...where, requestId: "7", refusal: "UnknownRequest" }
          },
          {
            message: ["request refused"],
            annotations: { ...where, requestId: "8", refusal: "BatchTooLarge" }
          },
          { message: ["connection closed"], annotations: { ...where, code: 1007 } }
        ])
      }),
    { limits: { maxBatchEvents: 3 } }
  )

  testLogged(
    "[REFUSE-4][PULL-7][PUSH-8] what is for another log is refused, and logged likewise",
    (lines) =>
      Effect.gen(function* () {
        const client = yield* connect([], { connectionId: "c-logged" })
        yield* client.say(Frames.pull("7", { after: 0, backendId: "other" }))
        yield* client.say(Frames.push("8", events(1), { backendId: "other" }))
        const why = { refusal: "BackendIdMismatchError", connectionId: "c-logged" }
        expect(lines).toMatchObject([
          {
            message: ["request refused"],
            annotations: { ...why, storeId: Frames.STORE_ID, requestId: "7", received: "other" }
          },
          {
            message: ["request refused"],
            annotations: { ...why, storeId: Frames.STORE_ID, requestId: "8" }
          }
        ])
      })
  )

  testLogged(
    "[REFUSE-4][RESTORE-2] a pull that a restore ends is logged with its connection, also after a wake",
    (lines) =>
      Effect.gen(function* () {
        const log = yield* TestLog.TestLog
        const connectionIds = ["c-one", "c-two"]
        for (const connectionId of connectionIds) {
          const reader = yield* connect([], { connectionId })
          yield* reader.say(Frames.pull("1"))
        }
        const pusher = yield* connect([], { connectionId: "c-pusher" })
        yield* pusher.say(Frames.push("1", events(1, 3)))
        log.cutBehind(1)
        yield* pusher.say(Frames.push("2", events(2, 2, { clientId: "other" })))
        const pull = { requestId: "1", live: true, inFlight: 0, started: true, sparing: false }
        yield* connect([{ ...pull, cursor: 9 }], { connectionId: "c-woken" })
        const refused = [...connectionIds, "c-woken"].map((connectionId) => ({
          message: ["request refused"],
          annotations: {
            connectionId,
            storeId: Frames.STORE_ID,
            requestId: "1",
            refusal: "BackendIdMismatchError"
          }
        }))
        expect(lines.filter(({ message }) => String(message) === "request refused")).toMatchObject(
          refused
        )
        expect(lines).toHaveLength(refused.length + 1)
      })
  )

  testLogged("[REFUSE-4][RESTORE-4] that the log was replaced is logged once", (lines) =>
    Effect.gen(function* () {
      const log = yield* TestLog.TestLog
      yield* connect([], { connectionId: "c-idle" })
      const reader = yield* connect([], { connectionId: "c-reader" })
      yield* Effect.orDie(log.behind.renew)
      yield* TestClock.adjust("1 second")
      yield* reader.say(Frames.pull("1"))
      const closed = (connectionId: string) => ({
        message: ["connection closed"],
        annotations: { connectionId, storeId: Frames.STORE_ID, code: 1012 }
      })
      expect(lines).toMatchObject([
        closed("c-idle"),
        closed("c-reader"),
        {
          message: [expect.stringContaining("replaced")],
          annotations: { connectionId: "c-reader", storeId: Frames.STORE_ID }
        }
      ])
    })
  )

  testLogged("[REFUSE-2] what the storage said is for the log, and for no client", (lines) =>
    Effect.gen(function* () {
      const log = yield* TestLog.TestLog
      const pusher = yield* connect()
      log.next("append", TestLog.failBefore)
      yield* pusher.say(Frames.push("1", events(1)))
      const reader = yield* connect()
      log.next("head", TestLog.failBefore)
      yield* reader.say(Frames.pull("1", { after: 9, backendId: log.behind.backendId }))
      expect(pusher.texts.join()).not.toContain("secret")
      expect(reader.closed?.reason).not.toContain("secret")
      // A Cause, or a structured logger would write `{}` for it.
      expect(lines.map(({ cause }) => cause)).toEqual([
        expect.stringContaining("secret"),
        expect.anything(),
        expect.stringContaining("secret"),
        expect.anything()
      ])
      const whose = lines.map(({ annotations }) => annotations["connectionId"])
      const { connectionId } = pusher.session
      expect(whose.slice(0, 2)).toEqual([connectionId, connectionId])
      expect(whose.slice(2)).toEqual([reader.session.connectionId, reader.session.connectionId])
    })
  )

  testServer(
    "[REFUSE-2] a payload that is not the connection's is not repeated",
    Effect.gen(function* () {
      const client = yield* connect([], { payload: { token: "mine" } })
      const claim = (id: string, payload: unknown) => {
        const frame = JSON.parse(Frames.pull(id))
        return client.say(JSON.stringify({ ...frame, payload: { ...frame.payload, payload } }))
      }
      yield* claim("1", { token: "yours" })
      expect(client.exits("1")).toEqual([
        refused("StoreMismatch", "this connection was opened with another payload")
      ])
      yield* claim("2", { token: "mine" })
      expect(client.exits("2")).toEqual([])
      expect(client.pages("2")).toHaveLength(1)
    })
  )
})

describe("the end of a connection", () => {
  testServer(
    "[FRAME-5] a frame that is none closes its connection, and no frame after it counts",
    Effect.gen(function* () {
      const { stored } = yield* TestLog.TestLog
      const reader = yield* bystander
      const offender = yield* bystander
      yield* offender.say("nonsense")
      expect(offender.closed).toEqual({ code: 1007, reason: "not a frame of this protocol" })
      yield* offender.say(Frames.push("2", events(1)))
      yield* offender.say("nonsense")
      yield* offender.say(`{"_tag":"Ping"}`)
      expect(yield* stored).toEqual([])
      yield* expectUnharmed(reader)
      expect(offender.afterEnd).toEqual([])
    })
  )

  testServer(
    "[FRAME-5] a frame is measured in bytes",
    Effect.gen(function* () {
      const frame = (padding: string) => JSON.stringify({ _tag: "Ping", padding })
      const fits = frame("é".repeat((1_000 - frame("").length) / 2))
      expect(new TextEncoder().encode(fits).length).toBeGreaterThanOrEqual(999)
      const client = yield* connect()
      yield* client.say(fits)
      yield* client.say(new TextEncoder().encode(fits))
      expect(client.frames).toHaveLength(2)
      yield* client.say(frame("é".repeat(500)))
      expect(client.closed).toEqual({ code: 1009, reason: "a frame may have 1000 bytes" })
      const other = yield* connect()
      yield* other.say(new Uint8Array(1_001).fill(32))
      expect(other.closed).toMatchObject({ code: 1009 })
    }),
    { limits: { maxFrameBytes: 1_000 } }
  )

  testServer(
    "[FRAME-5] a mistake of the server costs the connection that met it, and no other",
    Effect.gen(function* () {
      const log = yield* TestLog.TestLog
      const reader = yield* bystander
      const unlucky = yield* connect()
      log.next("append", () => Effect.die(new Error("a mistake")))
      yield* unlucky.say(Frames.push("1", events(1)))
      expect(unlucky.closed).toEqual({ code: 1011, reason: "the server made a mistake" })
      yield* expectUnharmed(reader)
    })
  )

  testServer(
    "[FRAME-5] a mistake in serving another's pull is not the pusher's",
    Effect.gen(function* () {
      const log = yield* TestLog.TestLog
      const unlucky = yield* bystander
      const pusher = yield* connect()
      yield* log.appendBehind(events(1, 3))
      // The push finds out, by a read of its own, and then the reader is read for.
      log.next(
        "read",
        (run) => run,
        () => Effect.die(new Error("a mistake"))
      )
      yield* pusher.say(Frames.push("1", events(1, 1, { name: "other" })))
      expect(pusher.exits("1")).toEqual([Frames.serverAhead(3, 0)])
      expect(pusher.closed).toBeUndefined()
      expect(unlucky.closed).toMatchObject({ code: 1011 })
    })
  )

  testServer(
    "[PULL-11] nor is the storage's trouble in serving another's pull",
    Effect.gen(function* () {
      const log = yield* TestLog.TestLog
      const unlucky = yield* bystander
      const lucky = yield* bystander
      const pusher = yield* connect()
      yield* log.appendBehind(events(1, 3))
      log.next("read", (run) => run, TestLog.failBefore)
      yield* pusher.say(Frames.push("1", events(1, 1, { name: "other" })))
      expect(pusher.exits("1")).toEqual([Frames.serverAhead(3, 0)])
      expect(unlucky.closed).toMatchObject({ code: 1013 })
      yield* expectUnharmed(lucky)
    })
  )

  testServer(
    "[FRAME-7] a connection that is gone is sent nothing, whatever it waited for",
    Effect.gen(function* () {
      const log = yield* TestLog.TestLog
      yield* log.appendBehind(events(1, 3))
      const gate = yield* TestLog.makeGate
      log.next("read", TestLog.waitAfter(gate))
      const { backendId } = log.behind
      const leaver = yield* connect()
      // The cursor tells the server of the log's true head.
      const pulling = yield* Effect.fork(leaver.say(Frames.pull("1", { after: 2, backendId })))
      yield* gate.reached
      yield* leaver.leave()
      yield* gate.open
      yield* pulling.await
      yield* leaver.say(Frames.pull("2"))
      yield* (yield* SyncServer).disconnect(leaver)
      expect(leaver.frames).toEqual([])
      expect(leaver.afterEnd).toEqual([])
      expect(leaver.saved).toEqual([])
    })
  )

  testServer(
    "[FRAME-7] a connection that the server was never told of is ignored",
    Effect.gen(function* () {
      const stranger = new TestConnection()
      yield* stranger.say(Frames.pull("1"))
      yield* stranger.leave()
      expect(stranger.frames).toEqual([])
    })
  )
})
