import { describe, expect, it } from "@effect/vitest"
import type { Message } from "@tidelog/sync-protocol"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import type { Session } from "../src/Connection.ts"
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
  ["an Effect that fails", () => Effect.fail(new NotYours())],
  ["an Effect that dies", () => Effect.die(new NotYours())]
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

  it.effect("[PUSH-10] an Effect that interrupts itself refuses", () =>
    Effect.gen(function* () {
      const { pull, push, stored } = yield* Effect.provide(
        tryBoth,
        layer(onBoth(() => Effect.interrupt))
      )
      expect(pull).toMatchObject([Frames.refused("PullRejected")])
      expect(push).toMatchObject([Frames.refused("PushRejected")])
      expect(stored).toEqual([])
    })
  )

  it.effect("[HAND-6] learn who it is from the session, and what from the request", () =>
    Effect.gen(function* () {
      const seen: Array<unknown> = []
      const note = (request: object, session: Session) => {
        seen.push({ request, session })
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
      expect(seen).toMatchObject([
        { request: { live: true, storeId: Frames.STORE_ID }, session },
        { request: { batch: events(1, 2) }, session }
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
