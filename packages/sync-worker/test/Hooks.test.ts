import { describe, expect, it } from "@effect/vitest"
import type { Message } from "@tidelog/sync-protocol"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HashMap from "effect/HashMap"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import type { Session } from "../src/Connection.ts"
import * as SyncHooks from "../src/SyncHooks.ts"
import type { HookOptions } from "../src/SyncHooks.ts"
import * as Frames from "./support/frames.ts"
import { events } from "./support/frames.ts"
import { connect } from "./support/TestConnection.ts"
import * as TestLog from "./support/TestLog.ts"
import { layer } from "./support/TestServer.ts"

type Hook = () => void | Promise<void> | Effect.Effect<void, unknown>

const allowing: ReadonlyArray<readonly [string, Hook]> = [
  ["a function", () => {}],
  ["a Promise", () => Promise.resolve()],
  ["an Effect", () => Effect.void],
  ["an Effect that takes a while", () => Effect.yieldNow()]
]

/** What query builders are: no Promise, and they answer later all the same. */
const thenable = (error: Error): Promise<void> => {
  const query = {
    // oxlint-disable-next-line unicorn/no-thenable
    then: (_: unknown, reject: (reason: Error) => void) => {
      reject(error)
    }
  }
  return Object.create(query)
}

/** What an `async` before a function makes of what it returns: the types do not allow it. */
const late = (result: unknown): Promise<void> => Object.assign(Promise.resolve(result))

class NotYours extends Error {
  override readonly message = "not yours"
}

const refusing: ReadonlyArray<readonly [string, Hook]> = [
  [
    "a function that throws",
    () => {
      throw new NotYours()
    }
  ],
  [
    "a function that throws no Error",
    () => {
      throw "not yours"
    }
  ],
  ["a Promise that rejects", () => Promise.reject(new NotYours())],
  ["what is no Promise but is awaited like one", () => thenable(new NotYours())],
  ["a Promise of an Effect that fails", () => late(Effect.fail(new NotYours()))],
  ["an Effect that fails", () => Effect.fail(new NotYours())],
  ["an Effect that fails with a text", () => Effect.fail("not yours")],
  ["an Effect that fails with a message", () => Effect.fail({ _tag: "No", message: "not yours" })]
]

const secretive = () => {
  throw new Error("SELECT secret")
}

/** Nobody meant the words of these to be read. */
const dying: ReadonlyArray<readonly [string, Hook, string]> = [
  ["an Effect that dies", () => Effect.die(new Error("SELECT secret")), "SELECT secret"],
  ["an Effect that dies of a text", () => Effect.die("SELECT secret"), "SELECT secret"],
  ["an Effect with a throw inside", () => Effect.sync(secretive), "SELECT secret"],
  ["an Effect that throws later", () => Effect.map(Effect.yieldNow(), secretive), "SELECT secret"],
  ["an Effect that interrupts itself", () => Effect.interrupt, "interrupted"],
  ["a generator that nobody runs", () => Object((function* () {})()), "function*"]
]

/** They mean no, and have no words for it. */
const wordless: ReadonlyArray<readonly [string, Hook, string]> = [
  ["a Promise of false", () => late(false), "throws or fails"],
  ["a function that answers an error", () => Object(new Error("not yours")), "throws or fails"],
  ["a Promise of a Response", () => late(new Response("no")), "throws or fails"],
  ["an Effect of false", () => Effect.succeed(false), "throws or fails"]
]

/** What a pull and a push end with, and what is stored. */
const tryBoth = Effect.gen(function* () {
  const { stored } = yield* TestLog.TestLog
  const client = yield* connect()
  yield* client.say(Frames.pull("1", { live: false }))
  yield* client.say(Frames.push("2", events(1)))
  expect(client.closed).toBeUndefined()
  return { pull: client.exits("1"), push: client.exits("2"), stored: yield* stored }
})

const onBoth = (hook: Hook): HookOptions => ({ onPull: hook, onPush: hook })

/** An error that does not let itself be asked. */
const silent = new Proxy(
  {},
  {
    has: () => true,
    get: () => {
      throw new Error("SELECT secret")
    }
  }
)

describe("rules", () => {
  it.effect.each(allowing)("[PUSH-1] %s that says nothing allows", ([, hook]) =>
    Effect.gen(function* () {
      expect(yield* Effect.provide(tryBoth, layer(onBoth(hook)))).toEqual({
        pull: [Frames.ended],
        push: [Frames.accepted],
        stored: [1]
      })
    })
  )

  it.effect.each(refusing)("[PUSH-10] %s refuses in its own words", ([, hook]) =>
    Effect.gen(function* () {
      expect(yield* Effect.provide(tryBoth, layer(onBoth(hook)))).toEqual({
        pull: [Frames.refused("PullRejected", "not yours")],
        push: [Frames.refused("PushRejected", "not yours")],
        stored: []
      })
    })
  )

  it.effect.each<readonly [string, object | string | undefined]>([
    ["NotAllowed", { _tag: "NotAllowed" }],
    ["NotAllowed", { _tag: "NotAllowed", message: "", name: "Other" }],
    ["NotAllowed", { name: "NotAllowed", message: 7 }],
    ["the server's own rules do not allow this", {}],
    ["the server's own rules do not allow this", ""],
    ["the server's own rules do not allow this", undefined],
    ["the server's own rules do not allow this", silent],
    ["x".repeat(1_000), "x".repeat(5_000)],
    ["x".repeat(1_000), { message: "x".repeat(5_000) }]
  ])("[HOOK-7] refuses as %s, whose error says no more", ([words, error]) =>
    Effect.gen(function* () {
      expect(yield* Effect.provide(tryBoth, layer(onBoth(() => Effect.fail(error))))).toEqual({
        pull: [Frames.refused("PullRejected", words)],
        push: [Frames.refused("PushRejected", words)],
        stored: []
      })
    })
  )

  it.effect.each([...dying, ...wordless])(
    "[HOOK-7] %s refuses, and keeps its words to the log",
    ([, hook, words]) =>
      Effect.gen(function* () {
        const log = makeLog()
        const mistaken = "the server made a mistake in its own rules"
        const ended = yield* Effect.provide(
          tryBoth,
          Layer.provideMerge(layer(onBoth(hook)), log.layer)
        )
        expect(ended).toEqual({
          pull: [Frames.refused("PullRejected", mistaken)],
          push: [Frames.refused("PushRejected", mistaken)],
          stored: []
        })
        const line = {
          level: "ERROR",
          storeId: Frames.STORE_ID,
          connectionId: expect.stringMatching(/^c\d+$/),
          cause: expect.stringContaining(words)
        }
        expect(log.about("failed")).toEqual([
          { ...line, message: "onPull failed" },
          { ...line, message: "onPush failed" }
        ])
      })
  )

  it.effect("[HAND-6][HOOK-1] learn who it is from the session, and what from the request", () =>
    Effect.gen(function* () {
      const seen: Array<unknown> = []
      const note = (request: object, session: SyncHooks.HookSession) => {
        seen.push({ request, session: { ...session, region: session.headers.get("x-region") } })
      }
      const session: Session = {
        connectionId: "c",
        storeId: Frames.STORE_ID,
        payload: { token: "t" },
        identity: { user: "u1" },
        headers: { "x-region": "eu" }
      }
      const body = Effect.gen(function* () {
        const client = yield* connect([], session)
        yield* client.say(Frames.pull("1"))
        yield* client.say(Frames.push("2", events(1, 2)))
      })
      yield* Effect.provide(body, layer({ onPull: note, onPush: note }))
      const told = { ...session, headers: new Map([["x-region", "eu"]]), region: "eu" }
      expect(seen).toMatchObject([
        { request: { live: true, storeId: Frames.STORE_ID }, session: told },
        { request: { batch: events(1, 2) }, session: told }
      ])
    })
  )

  it.effect("[PUSH-10] are not asked about what is refused anyway", () =>
    Effect.gen(function* () {
      let asked = 0
      const ask = () => {
        asked += 1
      }
      const body = Effect.gen(function* () {
        const client = yield* connect()
        yield* client.say(Frames.push("1", []))
        yield* client.say(Frames.push("2", [...events(1), ...events(3)]))
        yield* client.say(Frames.push("3", events(1), { backendId: "another" }))
        yield* client.say(Frames.push("4", events(1, 3)))
      })
      yield* Effect.provide(
        body,
        layer({ onPush: ask, onPull: ask, limits: { maxBatchEvents: 2 } })
      )
      expect(asked).toBe(0)
    })
  )
})

describe("rules that hang", () => {
  const hanging: ReadonlyArray<readonly [string, Hook]> = [
    ["a Promise", () => new Promise<void>(() => {})],
    ["an Effect", () => Effect.never],
    ["an Effect that cannot be interrupted", () => Effect.uninterruptible(Effect.never)]
  ]

  it.effect.each(hanging)(
    "[PUSH-10][PULL-11] %s refuses a push after 10 s, and the next goes on; a pull is put off",
    ([, hook]) =>
      Effect.gen(function* () {
        const body = Effect.gen(function* () {
          const client = yield* connect()
          const other = yield* connect()
          const puller = yield* connect()
          const running = yield* Effect.all([
            Effect.fork(puller.say(Frames.pull("1"))),
            Effect.fork(client.say(Frames.push("2", events(1)))),
            Effect.fork(other.say(Frames.push("1", events(1, 1, { name: "other" }))))
          ])
          yield* TestClock.adjust("9999 millis")
          expect(client.frames).toEqual([])
          expect(other.frames).toEqual([])
          expect(puller.closed).toBeUndefined()
          yield* TestClock.adjust("1 millis")
          yield* Fiber.joinAll(running)
          // Refused, it would never pull again.
          expect(puller.frames).toEqual([])
          expect(puller.closed).toEqual({
            code: 1013,
            reason: "onPull did not answer within 10 seconds"
          })
          expect(client.exits("2")).toEqual([
            Frames.refused("PushRejected", "onPush did not answer within 10 seconds")
          ])
          expect(other.exits("1")).toEqual([Frames.accepted])
        })
        let pushes = 0
        const onPush = () => (++pushes === 1 ? hook() : undefined)
        yield* Effect.provide(body, layer({ onPull: hook, onPush }))
      })
  )

  it.effect("[PUSH-11] nobody waits for the push of somebody who has left", () =>
    Effect.gen(function* () {
      const gate = yield* TestLog.makeGate
      const asked: Array<string> = []
      const onPush = ({ batch }: Message.PushRequest) => {
        asked.push(batch[0]?.clientId ?? "")
        return asked.length === 1 ? gate.pass : undefined
      }
      const body = Effect.gen(function* () {
        const [first, leaving, last] = yield* Effect.all([connect(), connect(), connect()])
        const pushing = yield* Effect.all([
          Effect.fork(first.say(Frames.push("1", events(1, 1, { clientId: "first" })))),
          Effect.fork(leaving.say(Frames.push("1", events(2, 2, { clientId: "leaving" })))),
          Effect.fork(last.say(Frames.push("1", events(2, 2, { clientId: "last" }))))
        ])
        yield* gate.reached
        yield* leaving.leave()
        yield* gate.open
        yield* Fiber.joinAll(pushing)
        expect(asked).toEqual(["first", "last"])
        expect(last.exits("1")).toEqual([Frames.accepted])
        expect(leaving.afterEnd).toEqual([])
      })
      yield* Effect.provide(body, layer({ onPush }))
    })
  )

  it.effect("[PULL-1] a pull that waits for its rule holds up no other request", () =>
    Effect.gen(function* () {
      const gate = yield* TestLog.makeGate
      const body = Effect.gen(function* () {
        const client = yield* connect()
        const pulling = yield* Effect.fork(client.say(Frames.pull("1")))
        yield* gate.reached
        yield* client.say(Frames.push("2", events(1)))
        expect(client.order()).toEqual(["Exit 2"])
        yield* client.leave()
        yield* gate.open
        yield* Fiber.join(pulling)
        expect(client.afterEnd).toEqual([])
      })
      yield* Effect.provide(body, layer({ onPull: () => gate.pass }))
    })
  )
})

/** What a logger was told: message, annotations, and what went wrong. */
const makeLog = () => {
  const lines: Array<{
    level: string
    message: string
    storeId: unknown
    connectionId: unknown
    cause: string
  }> = []
  const layer = Logger.replace(
    Logger.defaultLogger,
    Logger.make(({ annotations, cause, logLevel, message }) => {
      lines.push({
        level: logLevel.label,
        message: String(message),
        storeId: Option.getOrUndefined(HashMap.get(annotations, "storeId")),
        connectionId: Option.getOrUndefined(HashMap.get(annotations, "connectionId")),
        cause: Cause.pretty(cause)
      })
    })
  )
  return {
    lines,
    layer,
    about: (words: string) => lines.filter((it) => it.message.includes(words))
  }
}

/** Lets everything in the background that can go on do so. */
const settle = Effect.repeatN(Effect.yieldNow(), 50)

it.effect("[HOOK-1] what hooks log carries the store and the connection", () =>
  Effect.gen(function* () {
    const log = makeLog()
    const body = Effect.gen(function* () {
      const client = yield* connect([], { connectionId: "c-logged" })
      yield* client.say(Frames.pull("1"))
      yield* client.say(Frames.push("2", events(1)))
      yield* settle
    })
    const say = (words: string) => () => Effect.log(words)
    const hooks = {
      onPull: say("mine: pull"),
      onPush: say("mine: push"),
      onPullRes: say("mine: page"),
      onPushRes: say("mine: answer")
    }
    yield* Effect.provide(body, Layer.provideMerge(layer(hooks), log.layer))
    const mine = log.about("mine")
    expect(new Set(mine.map(({ message }) => message))).toEqual(
      new Set(["mine: pull", "mine: push", "mine: page", "mine: answer"])
    )
    for (const line of mine) {
      expect(line).toMatchObject({ storeId: Frames.STORE_ID, connectionId: "c-logged" })
    }
  })
)

describe("response hooks", () => {
  it.effect("[HOOK-2] are told what a pusher was answered, after it was", () =>
    Effect.gen(function* () {
      const seen: Array<unknown> = []
      const body = Effect.gen(function* () {
        const client = yield* connect([], { connectionId: "c", identity: "ann" })
        client.onSend = (frame) => seen.push(frame._tag)
        yield* client.say(Frames.push("1", events(1)))
        yield* settle
        yield* client.say(Frames.push("2", events(1, 1, { name: "other" })))
        yield* settle
        yield* client.say(Frames.push("3", events(2), { backendId: "another" }))
        yield* settle
        yield* client.say(Frames.push("4", [...events(2), ...events(4)]))
        yield* settle
      })
      const onPushRes: HookOptions["onPushRes"] = (answer, { connectionId, identity }) => {
        seen.push({ answer: "_tag" in answer ? answer._tag : answer, connectionId, identity })
      }
      yield* Effect.provide(body, layer({ onPushRes }))
      const of = (answer: unknown) => ({ answer, connectionId: "c", identity: "ann" })
      expect(seen).toEqual([
        "Exit",
        of({}),
        "Exit",
        of("ServerAheadError"),
        "Exit",
        of("BackendIdMismatchError"),
        "Exit",
        of("Refusal")
      ])
    })
  )

  it.effect("[HOOK-2] hear nothing of an answer that nobody was there for", () =>
    Effect.gen(function* () {
      const answers: Array<unknown> = []
      const gate = yield* TestLog.makeGate
      const body = Effect.gen(function* () {
        const client = yield* connect()
        const pushing = yield* Effect.fork(client.say(Frames.push("1", events(1))))
        yield* gate.reached
        yield* client.leave()
        yield* gate.open
        yield* Fiber.join(pushing)
        yield* settle
      })
      const onPushRes = (answer: unknown) => void answers.push(answer)
      yield* Effect.provide(body, layer({ onPush: () => gate.pass, onPushRes }))
      expect(answers).toEqual([])
    })
  )

  it.effect("[HOOK-3] are told of each page, after it was sent", () =>
    Effect.gen(function* () {
      const seen: Array<unknown> = []
      const body = Effect.gen(function* () {
        const client = yield* connect()
        client.onSend = (frame) => seen.push(frame._tag)
        yield* client.say(Frames.pull("1"))
        yield* settle
        yield* client.say(Frames.push("2", events(1, 3)))
        yield* settle
        expect(client.pages("1")).toHaveLength(2)
        expect(seen).toEqual(["Chunk", client.pages("1")[0], "Chunk", "Exit", client.pages("1")[1]])
      })
      yield* Effect.provide(body, layer({ onPullRes: (page) => void seen.push(page) }))
    })
  )

  const failing: ReadonlyArray<readonly [string, Hook, string]> = [
    ...refusing
      .filter(([name]) => name !== "a function that throws no Error")
      .map(([name, hook]) => [name, hook, "not yours"] as const),
    ...dying
  ]

  it.effect.each(failing)("[HOOK-4] %s changes nothing, and is logged once", ([, hook, words]) =>
    Effect.gen(function* () {
      const log = makeLog()
      const body = Effect.gen(function* () {
        const client = yield* connect([], { connectionId: "c7" })
        yield* client.say(Frames.pull("1"))
        yield* client.say(Frames.push("2", events(1)))
        yield* settle
        expect(client.exits("2")).toEqual([Frames.accepted])
        expect(client.seqNums("1")).toEqual([1])
        expect(client.closed).toBeUndefined()
      })
      yield* Effect.provide(body, Layer.provideMerge(layer({ onPushRes: hook }), log.layer))
      expect(log.about("onPushRes")).toEqual([
        {
          level: "ERROR",
          message: "onPushRes failed",
          storeId: Frames.STORE_ID,
          connectionId: "c7",
          cause: expect.stringContaining(words)
        }
      ])
    })
  )

  const hanging: ReadonlyArray<readonly [string, Hook]> = [
    ["a Promise", () => new Promise<void>(() => {})],
    ["an Effect that cannot be interrupted", () => Effect.uninterruptible(Effect.never)]
  ]

  it.effect.each(hanging)("[HOOK-4] %s that never ends delays nothing, and has 10 s", ([, hook]) =>
    Effect.gen(function* () {
      const log = makeLog()
      const body = Effect.gen(function* () {
        const client = yield* connect()
        yield* client.say(Frames.pull("1"))
        yield* client.say(Frames.push("2", events(1)))
        expect(client.order()).toEqual(["Chunk 1", "Chunk 1", "Exit 2"])
        yield* settle
        yield* TestClock.adjust("9999 millis")
        expect(log.lines).toEqual([])
        yield* TestClock.adjust("1 millis")
        yield* settle
        expect(log.lines.map(({ message }) => message).toSorted()).toEqual([
          "onPullRes did not end within 10 seconds",
          "onPullRes did not end within 10 seconds",
          "onPushRes did not end within 10 seconds"
        ])
      })
      yield* Effect.provide(
        body,
        Layer.provideMerge(layer({ onPushRes: hook, onPullRes: hook }), log.layer)
      )
    })
  )

  it.effect("[HOOK-4] eight run at a time, a thousand wait, and the rest is dropped", () =>
    Effect.gen(function* () {
      const log = makeLog()
      const gate = yield* TestLog.makeGate
      let begun = 0
      const onPushRes = () => {
        begun += 1
        return gate.pass
      }
      const body = Effect.gen(function* () {
        const { onPushRes: tell } = yield* SyncHooks.SyncHooks
        const session: Session = { connectionId: "c", storeId: "s", headers: {} }
        for (let n = 0; n < 1_100; n++) tell?.({}, session)
        yield* settle
        expect(begun).toBe(8)
        // The first eight were taken from the queue after it was full.
        expect(log.lines).toMatchObject([
          { message: "onPushRes is told of less than happens: it is too slow", storeId: "s" }
        ])
        yield* gate.open
        yield* Effect.repeatN(Effect.yieldNow(), 2_000)
        expect(begun).toBe(1_000)
        tell?.({}, session)
        yield* settle
        expect(begun).toBe(1_001)
      })
      yield* Effect.provide(body, Layer.provideMerge(SyncHooks.layer({ onPushRes }), log.layer))
    })
  )

  it.effect("[HOOK-4] end with the server", () =>
    Effect.gen(function* () {
      const ended: Array<string> = []
      const onPushRes = () =>
        Effect.onInterrupt(Effect.never, () => Effect.sync(() => void ended.push("it")))
      const body = Effect.gen(function* () {
        const { onPushRes: tell } = yield* SyncHooks.SyncHooks
        tell?.({}, { connectionId: "c", storeId: "s", headers: {} })
        yield* settle
        expect(ended).toEqual([])
      })
      yield* Effect.provide(body, SyncHooks.layer({ onPushRes }))
      expect(ended).toEqual(["it"])
    })
  )
})

it.effect("[HOOK-5] hooks use the services that they are built with", () =>
  Effect.gen(function* () {
    class Users extends Context.Tag("test/Users")<Users, { readonly list: Array<string> }>() {}
    const note = (what: string) => Effect.map(Users, ({ list }) => void list.push(what))
    const list: Array<string> = []
    const hooks = SyncHooks.layer({
      onPush: () => note("push"),
      onPull: () => note("pull"),
      onPushRes: () => note("answer"),
      onPullRes: () => note("page")
    })
    const body = Effect.gen(function* () {
      const { onPull, onPullRes, onPush, onPushRes } = yield* SyncHooks.SyncHooks
      const session: Session = { connectionId: "c", storeId: "s", headers: {} }
      yield* onPull?.({ storeId: "s", live: true, cursor: Option.none() }, session) ?? Effect.void
      yield* onPush?.({ storeId: "s", batch: [], backendId: Option.none() }, session) ?? Effect.void
      onPushRes?.({}, session)
      onPullRes?.(`{"batch":[],"pageInfo":{"_tag":"NoMore"},"backendId":"b"}`, session)
      yield* settle
    })
    yield* Effect.provide(body, Layer.provide(hooks, Layer.succeed(Users, { list })))
    expect(list).toEqual(["pull", "push", "answer", "page"])
  })
)
