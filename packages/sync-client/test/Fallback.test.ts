import * as Socket from "@effect/platform/Socket"
import { describe, expect, it, vi } from "@effect/vitest"
import { HttpMessage } from "@tidelog/sync-protocol"
import { Clock, Effect, Exit, Fiber, Option, Scope, Stream } from "effect"
import { type Device, SyncClient, type SyncStatus } from "../src/index.ts"
import { makeHttp, only } from "./TestHttp.ts"
import {
  advance,
  answer,
  events,
  halfway,
  makeClient,
  page,
  seqNums,
  settle
} from "./TestSocket.ts"

const { PING, PULL, PUSH } = HttpMessage

const range = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index)

/** What is imported when it is needed comes in the platform's own time. */
const loaded = Effect.zipRight(
  Effect.promise(() => import("../src/HttpFallback.ts")),
  settle
)

/** A client that may fall back, what it pulls, and what its app is told. */
const start = (options: Partial<SyncClient.Options> = {}, pollInterval = 5_000) =>
  Effect.gen(function* () {
    const http = makeHttp()
    const statuses: Array<SyncStatus.SyncStatus> = []
    const pulled: Array<number> = []
    const connected: Array<boolean> = []
    const made = yield* makeClient({
      transport: "auto",
      http: { fetch: http.fetch, pollInterval },
      onStatus: (status) => statuses.push(status),
      ...options
    })
    yield* made.client.isConnected.changes.pipe(
      Stream.runForEach((isConnected) => Effect.sync(() => connected.push(isConnected))),
      Effect.forkScoped
    )
    yield* made.client.pull({ cursor: 0, backendId: Option.none(), live: true }).pipe(
      Stream.runForEach((page) => Effect.sync(() => pulled.push(...seqNums(page)))),
      Effect.forkScoped
    )
    yield* settle
    const states = () =>
      statuses.map(({ _tag }) => _tag).filter((state, index, all) => state !== all[index - 1])
    /** The present WebSocket does not come about. */
    const refuse = Effect.suspend(() => {
      made.server.latest.hangUp()
      return Effect.zipRight(settle, loaded)
    })
    return { ...made, connected, http, pulled, refuse, states }
  })

const push = (client: SyncClient.SyncClientService, from: number, to: number) =>
  client.push(events(from, to), { backendId: Option.some("backend-1") })

describe("a client that may go over HTTP", () => {
  it.scoped("[CLIENT-23] does so at once where a WebSocket does not come about", () =>
    Effect.gen(function* () {
      const { client, http, pulled, refuse, server, states } = yield* start()
      yield* refuse
      expect(server.sockets).toHaveLength(1)
      expect(yield* client.status.get).toMatchObject({ _tag: "Online", transport: "http" })
      only(http, PULL).pages(page(0, 2))
      yield* settle
      expect(pulled).toEqual([1, 2])
      const pushing = yield* Effect.fork(push(client, 2, 3))
      yield* settle
      const pushed = only(http, PUSH)
      pushed.frames([pushed.succeeded({})])
      yield* Fiber.join(pushing)
      expect(states()).toEqual(["Idle", "Connecting", "Online"])
    })
  )

  it.scoped("[CLIENT-23] or where the runtime has none", () =>
    Effect.gen(function* () {
      vi.stubGlobal("WebSocket", undefined)
      yield* Effect.addFinalizer(() => Effect.sync(() => vi.unstubAllGlobals()))
      const http = makeHttp()
      const client = yield* SyncClient.make({
        url: "wss://sync.test",
        storeId: "store",
        broadcastStatus: false,
        transport: "auto",
        http: { fetch: http.fetch }
      }).pipe(Effect.provide(Socket.layerWebSocketConstructorGlobal))
      yield* client.reconnect
      yield* Effect.zipRight(settle, loaded)
      expect(yield* client.status.get).toMatchObject({ _tag: "Online", transport: "http" })
      // So it is after the attempt to go back.
      yield* advance("1 minute")
      expect(yield* client.status.get).toMatchObject({ _tag: "Online", transport: "http" })
    })
  )

  it.scoped("[CLIENT-23] or opens, and lets nothing through, or does not open in its time", () =>
    Effect.gen(function* () {
      for (const isOpen of [true, false]) {
        const { client, http, server } = yield* start()
        server.latest.answersPings = false
        if (isOpen) server.latest.accept()
        yield* advance(isOpen ? 4_999 : 9_999)
        expect(http.requests).toEqual([])
        yield* advance(1)
        yield* loaded
        expect(yield* client.status.get).toMatchObject({ _tag: "Online", transport: "http" })
        expect(server.sockets.map(({ closedWith }) => closedWith)).toEqual([1000])
      }
    })
  )

  it.scoped(
    "[CLIENT-23] a server that is down is no proxy: both are tried, and the waits grow",
    () =>
      Effect.gen(function* () {
        const { client, http, refuse, server } = yield* start()
        http.pings = (ping) => ping.answer(new TypeError("Failed to fetch"))
        let sockets = 1
        for (const millis of [125, 250, 500, 1_000]) {
          yield* refuse
          expect(http.all(PING)).toHaveLength(sockets)
          expect(yield* client.status.get).toMatchObject({ _tag: "Waiting", attempt: sockets + 1 })
          yield* advance(millis - 1)
          expect(server.sockets).toHaveLength(sockets)
          yield* advance(1)
          sockets += 1
          expect(server.sockets).toHaveLength(sockets)
        }
        yield* answer(server)
        const status = yield* client.status.get
        expect(status).toMatchObject({ _tag: "Online", transport: "ws" })
      }).pipe(halfway)
  )

  it.scoped(
    "[CLIENT-23] nor is a refusal, a close by the server, or a payload that is not made",
    () =>
      Effect.gen(function* () {
        for (const code of [4403, 1013]) {
          const { http, server } = yield* start()
          server.latest.accept()
          server.latest.hangUp(code, "not now")
          yield* settle
          yield* loaded
          yield* advance("10 seconds")
          expect(http.requests).toEqual([])
        }
        let made = 0
        const { http, server } = yield* start({
          payload: () => {
            made += 1
            return made === 1 ? Promise.reject(new Error("no token")) : { token: `token-${made}` }
          }
        })
        yield* loaded
        expect(server.sockets).toEqual([])
        yield* advance("1 second")
        expect(server.sockets).toHaveLength(1)
        expect(http.requests).toEqual([])
        expect(made).toBe(2)
      }).pipe(halfway)
  )

  it.scoped("[CLIENT-23] where one has worked, a second failure in a row counts", () =>
    Effect.gen(function* () {
      const { client, http, refuse, server } = yield* start()
      yield* answer(server)
      yield* advance("10 seconds")
      // This one was heard.
      yield* refuse
      expect(server.sockets).toHaveLength(2)
      yield* refuse
      expect(http.requests).toEqual([])
      yield* advance("1 second")
      expect(server.sockets).toHaveLength(3)
      yield* refuse
      expect(yield* client.status.get).toMatchObject({ _tag: "Online", transport: "http" })
    }).pipe(halfway)
  )

  it.scoped(
    "[CLIENT-23] a device without a network, and one that is told nothing, stay as they are",
    () =>
      Effect.gen(function* () {
        const device: Device.Device = { isOnline: () => false, subscribe: () => () => {} }
        for (const options of [{ device }, { transport: "ws" as const }]) {
          const { http, refuse } = yield* start(options)
          yield* refuse
          expect(http.requests).toEqual([])
        }
      })
  )

  it.scoped("[CLIENT-23] a refusal over HTTP is one", () =>
    Effect.gen(function* () {
      const { client, http, refuse } = yield* start()
      http.pings = (ping) => ping.refuse(401, "who are you?")
      yield* refuse
      expect(yield* client.status.get).toMatchObject({
        _tag: "Refused",
        code: 4401,
        reason: "who are you?"
      })
    })
  )

  it.scoped("[CLIENT-23] a connection over HTTP that is lost is followed by another", () =>
    Effect.gen(function* () {
      const { client, http, refuse, server } = yield* start()
      yield* refuse
      only(http, PULL).pages(page(0, 1))
      yield* advance("5 seconds")
      only(http, PULL).answer(new TypeError("Failed to fetch"))
      yield* settle
      expect(only(http, PULL).from).toBe(1)
      expect(yield* client.status.get).toMatchObject({ _tag: "Online", transport: "http" })
      http.pings = (ping) => ping.answer(new TypeError("Failed to fetch"))
      only(http, PULL).answer(new TypeError("Failed to fetch"))
      yield* settle
      expect(server.sockets).toHaveLength(1)
      // Nobody answers there either: it begins anew.
      yield* advance("2 seconds")
      expect(server.sockets).toHaveLength(2)
    }).pipe(halfway)
  )

  it.scoped(
    "[CLIENT-24] tries a WebSocket again, each time after twice as long, up to ten minutes",
    () =>
      Effect.gen(function* () {
        const minute = 60_000
        const { connected, http, refuse, server } = yield* start(
          { timings: { pingAfter: 2 * minute } },
          minute
        )
        http.pulls = (pull) => pull.pages(page(0, 0))
        yield* refuse
        let sockets = 1
        for (const minutes of [1, 2, 4, 8, 10, 10]) {
          yield* advance(minutes * minute - 1)
          expect(server.sockets).toHaveLength(sockets)
          yield* advance(1)
          sockets += 1
          expect(server.sockets).toHaveLength(sockets)
          server.latest.hangUp()
          yield* settle
        }
        expect(connected).toEqual([false, true])
      })
  )

  it.scoped("[CLIENT-24] and goes back to it once it answers: at the cursor, unseen", () =>
    Effect.gen(function* () {
      const { client, connected, http, pulled, refuse, server, states } = yield* start()
      yield* refuse
      only(http, PULL).pages(page(0, 2))
      for (let seconds = 0; seconds < 55; seconds += 5) {
        yield* advance("5 seconds")
        only(http, PULL).pages(page(2, 2))
      }
      yield* advance("5 seconds")
      const polled = only(http, PULL)
      expect(server.sockets).toHaveLength(2)
      const socket = server.latest
      socket.answersPings = false
      socket.accept()
      const pushing = yield* Effect.fork(push(client, 2, 3))
      yield* settle
      // One that opens may still let nothing through.
      expect(polled.isAborted()).toBe(false)
      socket.sayText(`{"_tag":"Pong"}`)
      yield* settle
      expect(http.open(PULL)).toEqual([])
      expect(http.open(PUSH)).toEqual([])
      const [pull] = socket.pulls
      expect(pull?.cursor.pipe(Option.getOrUndefined)).toMatchObject({ eventSequenceNumber: 2 })
      socket.answersPings = true
      socket.page(pull?.id ?? "", page(2, 3))
      socket.accepted(socket.pushes[0]?.id ?? "")
      socket.sayText(`{"_tag":"Pong"}`)
      yield* Fiber.join(pushing)
      yield* advance("1 second")
      expect(pulled).toEqual([1, 2, 3])
      expect(connected).toEqual([false, true])
      expect(states()).toEqual(["Idle", "Connecting", "Online"])
      expect(yield* client.status.get).toMatchObject({ _tag: "Online", transport: "ws" })
      const made = http.requests.length
      yield* advance("1 minute")
      expect(http.requests).toHaveLength(made)
    })
  )

  it.scoped("[CLIENT-24] at once when there is a network again", () =>
    Effect.gen(function* () {
      let signal = (_: Device.Signal) => {}
      const device: Device.Device = {
        isOnline: () => true,
        subscribe: (onSignal) => {
          signal = onSignal
          return () => {}
        }
      }
      const { client, refuse, server } = yield* start({ device })
      // What was said before is no news.
      signal("online")
      yield* settle
      yield* refuse
      expect(server.sockets).toHaveLength(1)
      signal("online")
      yield* settle
      expect(server.sockets).toHaveLength(2)
      yield* answer(server)
      yield* advance("1 second")
      expect(yield* client.status.get).toMatchObject({ _tag: "Online", transport: "ws" })
    })
  )

  /** By so many turns of the platform's queue a WebSocket answers after a renewal. */
  const succeedTogether = (turns: number) =>
    Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      const { client, http, refuse, server } = yield* start({
        payload: () => ({ expiresAt: now + 120_000 }),
        timings: { renewBefore: "1 minute" }
      })
      http.pulls = (pull) => pull.pages(page(0, 0))
      yield* refuse
      yield* advance("30 seconds")
      http.pings = "silent"
      yield* advance("30 seconds")
      const [pinged] = http.open(PING)
      const socket = server.latest
      expect(server.sockets).toHaveLength(2)
      socket.answersPings = false
      socket.accept()
      yield* settle
      pinged?.frames([pinged.succeeded({ _tag: "SyncMessage.Pong" })])
      for (let turn = 0; turn < turns; turn++) yield* Effect.promise(() => Promise.resolve())
      socket.sayText(`{"_tag":"Pong"}`)
      yield* settle
      socket.answersPings = true
      http.pings = "answered"
      yield* advance("10 seconds")
      const asked = http.requests.length
      yield* advance("20 seconds")
      const isOverHttp = (yield* client.status.get).transport === "http"
      expect({
        overHttp: http.requests.length > asked,
        overSocket: socket.closedWith === undefined
      }).toEqual({ overHttp: isOverHttp, overSocket: !isOverHttp })
    })

  it.effect("[CLIENT-24][CLIENT-18] where a renewal succeeds in the same moment, one is left", () =>
    Effect.forEach(range(0, 20), (turns) => Effect.scoped(succeedTogether(turns)), {
      discard: true
    })
  )

  it.effect("[CLIENT-19] the end of the scope ends the waiting as well", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { http, refuse, server } = yield* Scope.extend(start(), scope)
      yield* refuse
      const open = only(http, PULL)
      yield* Scope.close(scope, Exit.void)
      yield* settle
      expect(open.isAborted()).toBe(true)
      const made = http.requests.length
      yield* advance("20 minutes")
      expect(http.requests).toHaveLength(made)
      expect(server.sockets).toHaveLength(1)
    })
  )
})
