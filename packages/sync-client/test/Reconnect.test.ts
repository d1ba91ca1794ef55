import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import * as Socket from "@effect/platform/Socket"
import { describe, expect, it, vi } from "@effect/vitest"
import { Handshake } from "@tidelog/sync-protocol"
import {
  Clock,
  Effect,
  Exit,
  Fiber,
  HashMap,
  Layer,
  Logger,
  Option,
  Random,
  Scope,
  Stream,
  TestClock
} from "effect"
import { makeCfSync, SyncClient, type SyncStatus } from "../src/index.ts"
import {
  advance,
  answer,
  events,
  follow,
  halfway,
  makeClient,
  makeOnline,
  makeServer,
  page,
  settle,
  type TestServer
} from "./TestSocket.ts"

/** Waits until the client makes its next connection, in steps of a millisecond at the end. */
const nextAttemptAfter = (server: TestServer, millis: number) =>
  Effect.gen(function* () {
    const before = server.sockets.length
    if (millis > 0) {
      yield* advance(millis - 1)
      expect(server.sockets.length).toBe(before)
      yield* advance(1)
    } else {
      yield* settle
    }
    expect(server.sockets.length).toBe(before + 1)
  })

/** A runtime whose WebSocket constructor is this. */
const makeServerThat = (construct: (url: string) => WebSocket) =>
  Layer.succeed(Socket.WebSocketConstructor, construct)

describe("Reconnect", () => {
  it.scoped("[HAND-1] connects to the sync URL of the store, when it is first used", () =>
    Effect.gen(function* () {
      const { client, server } = yield* makeClient({
        url: "https://sync.test/base?key=1",
        payload: { authToken: "ok é" }
      })
      yield* advance("1 minute")
      expect(server.sockets).toEqual([])
      expect(yield* client.status.get).toEqual({
        _tag: "Idle",
        since: 0,
        unconfirmed: 0,
        confirmed: 0,
        received: { events: 0, bytes: 0 },
        sent: { events: 0, bytes: 0 }
      })

      yield* Effect.fork(client.connect)
      yield* settle
      const url = new URL(server.latest.url)
      expect(`${url.origin}${url.pathname}`).toBe("wss://sync.test/base/websocket")
      expect(Object.fromEntries(url.searchParams)).toEqual({
        key: "1",
        storeId: "store",
        payload: encodeURIComponent(JSON.stringify({ authToken: "ok é" })),
        transport: "ws",
        protocol: String(Handshake.PROTOCOL_VERSION)
      })
    })
  )

  it.scoped("[CLIENT-1] the first attempts that fail wait longer and longer", () =>
    Effect.gen(function* () {
      const { client, server } = yield* makeClient()
      yield* client.reconnect
      yield* settle
      for (const millis of [125, 250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000]) {
        server.latest.hangUp()
        yield* nextAttemptAfter(server, millis)
      }
    }).pipe(halfway)
  )

  it.scoped("[CLIENT-1] a connection that opens and is closed proves nothing", () =>
    Effect.gen(function* () {
      const { client, server } = yield* makeClient()
      yield* client.reconnect
      yield* settle
      for (const millis of [125, 250, 500, 1_000, 2_000, 4_000]) {
        yield* answer(server)
        server.latest.hangUp(1011, "not today")
        yield* nextAttemptAfter(server, millis)
      }
    }).pipe(halfway)
  )

  it.scoped(
    "[CLIENT-1] a connection that answered and did not last is tried again at once, and then no more",
    () =>
      Effect.gen(function* () {
        const { client, server } = yield* makeClient()
        yield* Effect.fork(
          Stream.runDrain(client.pull({ cursor: 0, backendId: Option.none(), live: true }))
        )
        yield* settle
        for (const millis of [0, 125, 250, 500, 1_000]) {
          const socket = yield* answer(server)
          yield* advance("2 seconds")
          socket.page(socket.pulls[0]?.id ?? "", page(0, 2))
          yield* settle
          socket.hangUp()
          yield* nextAttemptAfter(server, millis)
        }
        // One that lasts begins anew.
        const stable = yield* answer(server)
        stable.page(stable.pulls[0]?.id ?? "", page(2, 3))
        yield* advance("10 seconds")
        stable.hangUp()
        yield* nextAttemptAfter(server, 0)
      }).pipe(halfway)
  )

  it.scoped("[CLIENT-1] so it does after ten seconds of life", () =>
    Effect.gen(function* () {
      const { client, server } = yield* makeClient()
      yield* client.reconnect
      yield* settle
      server.latest.hangUp()
      yield* nextAttemptAfter(server, 125)
      const first = yield* answer(server)
      yield* advance(9_999)
      first.hangUp()
      yield* nextAttemptAfter(server, 250)
      const second = yield* answer(server)
      yield* advance(10_000)
      second.hangUp()
      yield* nextAttemptAfter(server, 0)
    }).pipe(halfway)
  )

  it.scoped(
    "[CLIENT-1] a server that answers and hangs up is not asked more than once a second",
    () =>
      Effect.gen(function* () {
        const { client, server } = yield* makeClient()
        yield* Effect.fork(
          Stream.runDrain(client.pull({ cursor: 0, backendId: Option.none(), live: true }))
        )
        const socket = yield* answer(server)
        for (const { id } of socket.pulls) socket.page(id, page(0, 0))
        yield* settle
        socket.hangUp()
        yield* nextAttemptAfter(server, 1_000)
      }).pipe(halfway)
  )

  it.scoped("[CLIENT-1] a connection that talks nonsense proves nothing, though it answers", () =>
    Effect.gen(function* () {
      const { client, server } = yield* makeClient()
      yield* Effect.fork(
        Stream.runDrain(client.pull({ cursor: 0, backendId: Option.none(), live: true }))
      )
      yield* settle
      const nonsense = [
        "{",
        `{"_tag":"Chunk"}`,
        `{"_tag":"Defect","defect":"x"}`,
        new ArrayBuffer(1)
      ]
      for (const [index, millis] of [125, 250, 500, 1_000].entries()) {
        const socket = yield* answer(server)
        for (const { id } of socket.pulls) socket.page(id, page(0, 0))
        yield* settle
        socket.sayText(nonsense[index])
        yield* nextAttemptAfter(server, millis)
        expect(socket.closedWith).toBe(1000)
      }
    }).pipe(halfway)
  )

  it.scoped("[CLIENT-1] an attempt that neither opens nor fails is given up after 10 s", () =>
    Effect.gen(function* () {
      const { client, server } = yield* makeClient()
      yield* client.reconnect
      yield* advance(9_999)
      expect(server.latest.closedWith).toBeUndefined()
      yield* advance(1)
      expect(server.latest.closedWith).toBe(1000)
      expect(yield* client.status.get).toMatchObject({
        _tag: "Waiting",
        attempt: 2,
        retryAt: 10_125,
        reason: "the server did not answer"
      })
      yield* nextAttemptAfter(server, 125)
    }).pipe(halfway)
  )

  it.scoped("[CLIENT-1] `reconnect` ends a wait, and is nothing to a connection", () =>
    Effect.gen(function* () {
      const { client, server } = yield* makeClient()
      yield* client.reconnect
      yield* settle
      for (let failures = 0; failures < 8; failures++) {
        server.latest.hangUp()
        yield* advance("30 seconds")
      }
      server.latest.hangUp()
      yield* advance(1)
      const before = server.sockets.length
      yield* client.reconnect
      yield* settle
      expect(server.sockets.length).toBe(before + 1)
      yield* answer(server)
      yield* client.reconnect
      yield* settle
      expect(server.sockets.length).toBe(before + 1)
    }).pipe(halfway)
  )

  it.scoped("[CLIENT-1] `reconnect` while an attempt is under way brings another if it fails", () =>
    Effect.gen(function* () {
      const { client, server } = yield* makeClient()
      yield* client.reconnect
      yield* settle
      yield* client.reconnect
      yield* settle
      expect(server.sockets.length).toBe(1)
      server.latest.hangUp()
      yield* settle
      expect(server.sockets.length).toBe(2)
      server.latest.hangUp()
      yield* settle
      expect(server.sockets.length).toBe(2)
    })
  )

  it.scoped("[CLIENT-2] pings at once, after 10 s of silence, and leaves 5 s later", () =>
    Effect.gen(function* () {
      const { client, server, socket } = yield* makeOnline()
      expect(socket.pings).toBe(1)
      yield* advance(9_999)
      expect(socket.pings).toBe(1)
      yield* advance(1)
      expect(socket.pings).toBe(2)

      socket.answersPings = false
      yield* advance("10 seconds")
      expect(socket.pings).toBe(3)
      yield* advance(4_999)
      expect(server.sockets.length).toBe(1)
      expect(yield* client.isConnected).toBe(true)
      yield* advance(1)
      expect(socket.closedWith).toBe(1000)
      expect(server.sockets.length).toBe(2)
      expect(yield* client.isConnected).toBe(false)
    })
  )

  it.scoped("[CLIENT-2] after as much silence as the app says, and for as long", () =>
    Effect.gen(function* () {
      const { server, socket } = yield* makeOnline({
        timings: { pingAfter: "30 seconds", pongWithin: "20 seconds" }
      })
      socket.answersPings = false
      yield* advance(29_999)
      expect(socket.pings).toBe(1)
      yield* advance(1)
      expect(socket.pings).toBe(2)
      yield* advance(19_999)
      expect(server.sockets.length).toBe(1)
      yield* advance(1)
      expect(server.sockets.length).toBe(2)
    })
  )

  it.scoped("[CLIENT-2] any frame is a sign of life", () =>
    Effect.gen(function* () {
      const { client, socket } = yield* makeOnline()
      yield* Effect.fork(
        Stream.runDrain(client.pull({ cursor: 0, backendId: Option.none(), live: true }))
      )
      yield* settle
      for (let second = 0; second < 20; second++) {
        yield* advance("1 second")
        socket.page("1", page(second, second + 1))
      }
      yield* settle
      expect(socket.pings).toBe(1)
    })
  )

  it.scoped("[CLIENT-2] an upload that goes on is a sign of life, also for what it carries", () =>
    Effect.gen(function* () {
      const { client, socket } = yield* makeOnline()
      const pushing = yield* Effect.fork(client.push(events(0, 1), { backendId: Option.none() }))
      yield* settle
      socket.answersPings = false
      socket.bufferedAmount = 900_000
      // 18 kB/s: longer than an answer to a push has.
      while (socket.bufferedAmount > 0) {
        yield* advance("5 seconds")
        expect(socket.closedWith).toBeUndefined()
        socket.bufferedAmount -= 90_000
      }
      expect(socket.pushes).toHaveLength(1)
      socket.accepted(socket.pushes[0]?.id ?? "")
      yield* Fiber.join(pushing)

      // Once it stops, nobody is there.
      socket.bufferedAmount = 900_000
      yield* advance("14 seconds")
      socket.bufferedAmount -= 90_000
      yield* advance("5 seconds")
      expect(socket.closedWith).toBeUndefined()
      yield* advance("1 second")
      expect(socket.closedWith).toBe(1000)
    })
  )

  it.scoped("[CLIENT-2] one that opens and says nothing is left after 5 s", () =>
    Effect.gen(function* () {
      const { client, server } = yield* makeClient()
      yield* client.reconnect
      yield* settle
      server.latest.answersPings = false
      server.latest.accept()
      yield* advance("5 seconds")
      expect(server.latest.closedWith).toBe(1000)
      expect(yield* client.status.get).toMatchObject({ _tag: "Waiting", reason: "no sign of life" })
    })
  )

  it.scoped("[CLIENT-2] after the machine slept it asks at once, for 2 s, before it gives up", () =>
    Effect.gen(function* () {
      // A clock that goes on while the timers stand still.
      let slept = 0
      const clock = yield* Effect.clock
      const sleepy: Clock.Clock = {
        ...clock,
        [Clock.ClockTypeId]: Clock.ClockTypeId,
        currentTimeMillis: Effect.sync(() => clock.unsafeCurrentTimeMillis() + slept),
        unsafeCurrentTimeMillis: () => clock.unsafeCurrentTimeMillis() + slept,
        sleep: (duration) => clock.sleep(duration)
      }
      const { client, server, socket } = yield* makeOnline().pipe(Effect.withClock(sleepy))
      yield* Effect.fork(Effect.exit(client.push(events(0, 1), { backendId: Option.none() })))
      yield* settle

      slept += 3_600_000
      yield* advance("10 seconds")
      expect(socket.pings).toBe(2)
      yield* advance("3 seconds")
      // Somebody answered, and the push has the time that it had before.
      expect(server.sockets.length).toBe(1)

      socket.answersPings = false
      slept += 3_600_000
      yield* advance("7 seconds")
      expect(socket.pings).toBe(3)
      yield* advance(1_999)
      expect(server.sockets.length).toBe(1)
      yield* advance(1)
      expect(server.sockets.length).toBe(2)

      // It asks once: who is silent is left, however late the timers are.
      const second = server.latest
      second.accept()
      yield* settle
      second.answersPings = false
      slept += 3_600_000
      yield* advance("10 seconds")
      slept += 3_600_000
      yield* advance("2 seconds")
      expect(second.closedWith).toBe(1000)
    })
  )

  it.scoped("[CLIENT-2] `probe` asks at once, for 2 s", () =>
    Effect.gen(function* () {
      const { client, server, socket } = yield* makeOnline()
      yield* client.probe
      yield* advance("3 seconds")
      expect(socket.pings).toBe(2)
      expect(server.sockets.length).toBe(1)

      socket.answersPings = false
      yield* client.probe
      yield* advance(1_999)
      expect(socket.closedWith).toBeUndefined()
      yield* advance(1)
      expect(socket.closedWith).toBe(1000)

      // Without a connection it is a reason to connect.
      yield* client.probe
      yield* settle
      expect(server.sockets.length).toBe(2)
    })
  )

  it.scoped("[CLIENT-6] a refusal stops the client until it is told to go on", () =>
    Effect.gen(function* () {
      const { client, server } = yield* makeClient()
      const pulling = yield* Effect.fork(
        Stream.runDrain(client.pull({ cursor: 0, backendId: Option.none(), live: true }))
      )
      const socket = yield* Effect.zipRight(
        settle,
        Effect.sync(() => server.latest)
      )
      socket.answersPings = false
      socket.accept()
      yield* settle
      socket.hangUp(4401, "who are you?")
      yield* advance("5 minutes")
      expect(server.sockets.length).toBe(1)
      expect(yield* client.status.get).toMatchObject({
        _tag: "Refused",
        since: 0,
        code: 4401,
        reason: "who are you?"
      })
      expect(yield* client.isConnected).toBe(false)
      expect(yield* Fiber.poll(pulling)).toEqual(Option.none())

      yield* client.reconnect
      const second = yield* answer(server)
      expect(yield* client.status.get).toMatchObject({ _tag: "Online" })
      expect(second.pulls.length).toBe(1)
    })
  )

  it.scoped(
    "[CLIENT-6] `reconnect` while the attempt is under way that is refused brings another",
    () =>
      Effect.gen(function* () {
        let token = "old"
        const { client, server } = yield* makeClient({ payload: () => ({ token }) })
        yield* client.reconnect
        yield* settle
        const socket = server.latest
        socket.answersPings = false
        socket.accept()
        yield* settle
        // The page has got a new one, before the server says what it thinks of the old one.
        token = "new"
        yield* client.reconnect
        socket.hangUp(4401, "too old")
        yield* advance("1 second")
        expect(server.sockets).toHaveLength(2)
        expect(decodeURIComponent(server.latest.url)).toContain("new")
        yield* answer(server)
        expect(yield* client.status.get).toMatchObject({ _tag: "Online" })
      })
  )

  it.scoped("[CLIENT-6] an app that reconnects whenever it is refused asks once a second", () =>
    Effect.gen(function* () {
      const told = { reconnect: Effect.void }
      const { client, server } = yield* makeClient({
        // An Effect that is returned is run.
        onStatus: ({ _tag }) => (_tag === "Refused" ? told.reconnect : undefined)
      })
      told.reconnect = client.reconnect
      yield* client.reconnect
      yield* settle
      for (let second = 1; second <= 5; second++) {
        server.latest.hangUp(4403, "no")
        yield* advance(999)
        expect(server.sockets).toHaveLength(second)
        yield* advance(1)
        expect(server.sockets).toHaveLength(second + 1)
      }
    })
  )

  it.scoped(
    "[CLIENT-2][CLIENT-25] a clock that is set back makes nobody wait for what it has lost",
    () =>
      Effect.gen(function* () {
        const clock = yield* Effect.clock
        let lost = 0
        const setBack: Clock.Clock = {
          [Clock.ClockTypeId]: Clock.ClockTypeId,
          unsafeCurrentTimeMillis: () => clock.unsafeCurrentTimeMillis() - lost,
          unsafeCurrentTimeNanos: () => clock.unsafeCurrentTimeNanos(),
          currentTimeMillis: Effect.sync(() => clock.unsafeCurrentTimeMillis() - lost),
          currentTimeNanos: clock.currentTimeNanos,
          sleep: (duration) => clock.sleep(duration)
        }
        const { client, server, socket } = yield* Effect.withClock(makeOnline(), setBack)
        yield* Effect.forkScoped(
          Stream.runDrain(client.pull({ cursor: 0, backendId: Option.none(), live: true }))
        )
        yield* settle
        socket.fail("1", { _tag: "UnknownError", cause: { name: "PullRejected", message: "no" } })
        yield* advance("5 seconds")
        lost = 3_600_000
        yield* advance("1 minute")
        expect(socket.pulls).toHaveLength(2)
        socket.answersPings = false
        lost *= 2
        yield* advance("1 minute")
        expect(socket.closedWith).toBe(1000)
        expect(server.sockets.length).toBeGreaterThan(1)
      })
  )

  it.scoped("[CLIENT-15] what a pull starts from is on the server", () =>
    Effect.gen(function* () {
      const { client } = yield* makeOnline()
      yield* Effect.forkScoped(
        Stream.runDrain(client.pull({ cursor: 7, backendId: Option.some("backend-1"), live: true }))
      )
      yield* advance("1 second")
      expect(yield* client.status.get).toMatchObject({ confirmed: 7, unconfirmed: 0 })
    })
  )

  it.scoped("[CLIENT-6] so does one in the middle of a connection's life, with any 44xx", () =>
    Effect.gen(function* () {
      for (const code of [4400, 4403, 4410, 4413, 4426, 4499]) {
        const { client, server, socket } = yield* makeOnline()
        yield* advance("1 minute")
        socket.hangUp(code, "enough")
        yield* advance("5 minutes")
        expect(server.sockets.length).toBe(1)
        expect(yield* client.status.get).toMatchObject({ _tag: "Refused", code, reason: "enough" })
      }
      for (const code of [1000, 1001, 1008, 1012, 3000, 4399, 4500]) {
        const { server, socket } = yield* makeOnline()
        yield* advance("1 minute")
        socket.hangUp(code, "later")
        yield* advance("2 seconds")
        expect(server.sockets.length).toBe(2)
      }
    })
  )

  it.scoped(
    "[CLIENT-1] a server that is deployed gets its clients back one by one, within two seconds",
    () =>
      Effect.gen(function* () {
        const online = yield* Effect.replicateEffect(makeOnline(), 50)
        yield* advance("1 minute")
        for (const { socket } of online) socket.hangUp(1012, "restarting")
        const back = () => online.filter(({ server }) => server.sockets.length === 2).length
        yield* settle
        expect(back()).toBeLessThan(5)
        yield* advance("1 second")
        expect(back()).toBeGreaterThan(10)
        expect(back()).toBeLessThan(40)
        yield* advance("1 second")
        expect(back()).toBe(50)
      }).pipe(Effect.withRandom(Random.make("deploy")))
  )

  it.scoped(
    "[CLIENT-7] isConnected: false, true with the first frame, false with the end, no echoes",
    () =>
      Effect.gen(function* () {
        const { client, server } = yield* makeClient()
        const seen: Array<boolean> = []
        yield* client.isConnected.changes.pipe(
          Stream.runForEach((isConnected) => Effect.sync(() => seen.push(isConnected))),
          Effect.fork
        )
        yield* client.reconnect
        yield* settle
        server.latest.answersPings = false
        server.latest.accept()
        yield* settle
        expect(seen).toEqual([false])
        for (let round = 0; round < 3; round++) server.latest.sayText(`{"_tag":"Pong"}`)
        yield* settle
        expect(seen).toEqual([false, true])
        yield* advance("10 seconds")
        server.latest.hangUp(1001)
        yield* settle
        expect(seen).toEqual([false, true, false])
        for (let failures = 0; failures < 3; failures++) {
          server.latest.hangUp()
          yield* settle
          yield* client.reconnect
          yield* settle
        }
        expect(seen).toEqual([false, true, false])
        yield* answer(server)
        yield* advance("1 minute")
        expect(seen).toEqual([false, true, false, true])
      })
  )

  it.scoped("what is only counted is told four times a second, and the last of it is", () =>
    Effect.gen(function* () {
      const seen: Array<SyncStatus.SyncStatus> = []
      const { client, socket } = yield* makeOnline({ onStatus: (status) => seen.push(status) })
      yield* Effect.forkScoped(
        Stream.runDrain(client.pull({ cursor: 0, backendId: Option.none(), live: true }))
      )
      yield* advance("1 second")
      seen.length = 0
      for (let seqNum = 0; seqNum < 100; seqNum++) {
        socket.page("1", page(seqNum, seqNum + 1))
        yield* advance("10 millis")
      }
      yield* advance("1 second")
      expect(seen.length).toBeGreaterThan(1)
      expect(seen.length).toBeLessThanOrEqual(5)
      expect(seen.at(-1)).toMatchObject({ received: { events: 100 }, confirmed: 100 })
    })
  )

  it.scoped("[CLIENT-1] a socket needs no more than React Native's has", () =>
    Effect.gen(function* () {
      const listeners = new Map<string, Set<(event: object) => void>>()
      const emit = (type: string, event: object) => {
        for (const listener of listeners.get(type) ?? []) listener({ type, ...event })
      }
      const sent: Array<string> = []
      // No EventTarget, and events that are plain objects.
      const native = {
        readyState: 0,
        addEventListener: (type: string, listener: (event: object) => void) => {
          listeners.set(type, (listeners.get(type) ?? new Set()).add(listener))
        },
        removeEventListener: (type: string, listener: (event: object) => void) => {
          listeners.get(type)?.delete(listener)
        },
        send: (text: string) => void sent.push(text),
        close: () => {}
      }
      const backend = yield* makeCfSync({
        url: "wss://sync.test",
        webSocket: () => native,
        broadcastStatus: false
      })({ storeId: "store", clientId: "client", payload: undefined }).pipe(
        Effect.provide(Layer.merge(KeyValueStore.layerMemory, FetchHttpClient.layer))
      )
      const connecting = yield* Effect.fork(backend.connect)
      yield* settle
      native.readyState = 1
      emit("open", {})
      yield* settle
      expect(sent).toEqual([`{"_tag":"Ping"}`])
      emit("message", { data: `{"_tag":"Pong"}` })
      yield* settle
      yield* Fiber.join(connecting)
      expect(yield* backend.isConnected).toBe(true)
      native.readyState = 3
      emit("error", { message: "gone" })
      emit("close", { code: 1006, reason: "gone" })
      yield* settle
      expect(yield* backend.isConnected).toBe(false)
    })
  )

  it.scoped.each([{}, { code: 0 }, { code: undefined, reason: null, message: "gone" }])(
    "[CLIENT-27] a close that tells nothing, %j, is a lost connection, in its life and before",
    (told) =>
      Effect.gen(function* () {
        const { client, server, socket } = yield* makeOnline()
        const close = (socket: EventTarget) =>
          Effect.sync(() => socket.dispatchEvent(Object.assign(new Event("close"), told)))
        yield* advance("10 seconds")
        yield* close(socket)
        yield* nextAttemptAfter(server, 0)
        expect(yield* client.isConnected).toBe(false)
        yield* close(server.latest)
        yield* nextAttemptAfter(server, 125)
        expect(yield* client.status.get).toMatchObject({
          _tag: "Connecting",
          lastError: { message: "the connection was lost" }
        })
      }).pipe(halfway)
  )

  it.scoped("[CLIENT-27] needs nothing of the language that React Native's engine lacks", () =>
    Effect.gen(function* () {
      const lacking: ReadonlyArray<readonly [object, ReadonlyArray<string>]> = [
        [Array.prototype, ["toSorted", "toReversed", "toSpliced", "with"]],
        [Array, ["fromAsync"]],
        [String.prototype, ["isWellFormed"]],
        [Set.prototype, ["union", "difference", "intersection"]],
        [Object, ["groupBy"]],
        [Map, ["groupBy"]],
        [Promise, ["withResolvers", "try"]],
        [URL.prototype, ["searchParams", "protocol"]],
        [AbortSignal, ["any", "timeout"]],
        [globalThis, ["structuredClone", "TextDecoder"]]
      ]
      for (const [holder, names] of lacking) {
        for (const name of names) {
          const was = Object.getOwnPropertyDescriptor(holder, name)
          if (was === undefined) continue
          yield* Effect.acquireRelease(
            Effect.sync(() => Reflect.deleteProperty(holder, name)),
            () => Effect.sync(() => Object.defineProperty(holder, name, was))
          )
        }
      }
      const { client, server, socket } = yield* makeOnline({
        payload: () => ({ token: "a-secret-token", user: "a-secret-user" })
      })
      const { pulled } = yield* follow(client)
      socket.page(socket.pulls[0]?.id ?? "", page(0, 2))
      const pushing = yield* Effect.fork(
        client.push(events(2, 4), { backendId: Option.some("backend-1") })
      )
      yield* settle
      socket.accepted(socket.pushes[0]?.id ?? "")
      yield* Fiber.join(pushing)
      expect(pulled).toEqual([1, 2])
      yield* advance("10 seconds")
      socket.hangUp()
      yield* advance("1 second")
      yield* answer(server)
      server.latest.hangUp(4403, "a-secret-token is no token")
      yield* settle
      expect(yield* client.status.get).toMatchObject({ _tag: "Refused", reason: "… is no token" })
    })
  )

  it.scoped("the status is one value, and every change is told", () =>
    Effect.gen(function* () {
      const seen: Array<SyncStatus.SyncStatus> = []
      const { client, server } = yield* makeClient({
        onStatus: (status) => {
          seen.push(status)
          throw new Error("an app's mistake")
        }
      })
      yield* advance("1 second")
      yield* client.reconnect
      yield* settle
      server.latest.hangUp()
      yield* advance(125)
      yield* answer(server)
      yield* advance("20 seconds")
      server.latest.hangUp(1012, "restarting")
      yield* advance("1 second")
      server.latest.hangUp(4403, "no")
      yield* settle
      // What is only counted is told in between.
      expect(
        seen.filter(
          ({ since }, index) =>
            since !== seen[index - 1]?.since
            || index === 0
            || seen[index - 1]?._tag !== seen[index]?._tag
        )
      ).toMatchObject([
        { _tag: "Idle", since: 0 },
        { _tag: "Connecting", since: 1_000, attempt: 1 },
        {
          _tag: "Waiting",
          since: 1_000,
          attempt: 2,
          retryAt: 1_125,
          reason: "the connection was lost"
        },
        { _tag: "Connecting", since: 1_125, attempt: 2 },
        { _tag: "Online", since: 1_125 },
        { _tag: "Waiting", since: 21_125, attempt: 1, retryAt: 22_125, reason: "restarting" },
        { _tag: "Connecting", since: 22_125, attempt: 1 },
        { _tag: "Refused", since: 22_125, code: 4403, reason: "no" }
      ])
    }).pipe(halfway)
  )

  it.scoped("connect and ping: true to what happens, and never longer than 10 s", () =>
    Effect.gen(function* () {
      const { client, server } = yield* makeClient()
      const connecting = yield* Effect.fork(client.connect)
      const pinging = yield* Effect.fork(Effect.exit(client.ping))
      yield* advance(9_999)
      expect(yield* Fiber.poll(connecting)).toEqual(Option.none())
      yield* advance(1)
      expect(yield* Fiber.join(connecting)).toBeUndefined()
      expect(yield* Fiber.join(pinging)).toMatchObject({
        cause: { error: { _tag: "PingTimeout" } }
      })

      yield* advance("1 second")
      const again = yield* Effect.fork(client.connect)
      yield* answer(server)
      expect(yield* Fiber.join(again)).toBeUndefined()
      expect(yield* Effect.exit(client.ping)).toEqual(Exit.void)
      expect(server.latest.pings).toBe(2)

      server.latest.hangUp(4401, "no")
      yield* settle
      expect(yield* Effect.exit(client.connect)).toEqual(Exit.void)
      expect(yield* Effect.exit(client.ping)).toMatchObject({
        cause: { error: { _tag: "ConnectionRefused" } }
      })
    })
  )

  it.effect("closing the scope leaves no socket, listener, timer or attempt", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const scope = yield* Scope.make()
      const { client, socket, server } = yield* makeOnline({
        onStatus: ({ _tag }) => seen.push(_tag)
      }).pipe(Scope.extend(scope))
      yield* advance("1 minute")
      yield* Scope.close(scope, Exit.void)
      expect(socket.closedWith).toBe(1000)
      expect(Object.fromEntries(socket.listeners)).toEqual({
        open: 0,
        message: 0,
        close: 0,
        // Stays: an error after the end would otherwise be a crash in Node.
        error: 1
      })
      expect(yield* client.isConnected).toBe(false)
      expect(seen.at(-1)).toBe("Closed")
      socket.sayText(`{"_tag":"Pong"}`)
      socket.hangUp()
      const texts = socket.texts.length
      yield* advance("5 minutes")
      expect(yield* TestClock.sleeps()).toEqual(expect.objectContaining({ length: 0 }))
      expect(server.sockets.length).toBe(1)
      expect(socket.texts.length).toBe(texts)
    })
  )

  it.effect("a WebSocket that cannot be made is an attempt that failed", () =>
    Effect.gen(function* () {
      let attempts = 0
      const client = yield* SyncClient.make({
        url: "wss://sync.test",
        storeId: "store",
        broadcastStatus: false
      }).pipe(
        Effect.provide(
          makeServerThat(() => {
            attempts++
            throw new SyntaxError("wss://sync.test?payload=secret is not allowed")
          })
        )
      )
      yield* client.reconnect
      yield* advance("1 minute")
      expect(attempts).toBeGreaterThan(5)
      const status = yield* client.status.get
      expect(status).toMatchObject({ _tag: "Waiting", reason: "a WebSocket could not be made" })
    }).pipe(Effect.scoped)
  )

  it.scoped("[CLIENT-1] a runtime without a WebSocket is told what to do, until it has one", () => {
    const reasons: Array<unknown> = []
    const logger = Logger.make(({ annotations }) => {
      reasons.push(Option.getOrUndefined(HashMap.get(annotations, "reason")))
    })
    return Effect.gen(function* () {
      vi.stubGlobal("WebSocket", undefined)
      yield* Effect.addFinalizer(() => Effect.sync(() => vi.unstubAllGlobals()))
      const client = yield* SyncClient.make({
        url: "wss://sync.test",
        storeId: "store",
        broadcastStatus: false
      }).pipe(Effect.provide(Socket.layerWebSocketConstructorGlobal))
      yield* client.reconnect
      yield* advance("1 minute")
      const reason =
        "this runtime has no WebSocket: pass a `webSocket` (or WebSocketConstructor) that makes one"
      expect(yield* client.status.get).toMatchObject({
        _tag: "Waiting",
        reason,
        lastError: { message: reason }
      })
      expect(reasons).toEqual([reason])
      // A polyfill that is loaded late.
      const server = makeServer()
      vi.stubGlobal("WebSocket", function WebSocket(url: string) {
        return server.construct(url)
      })
      yield* client.reconnect
      yield* answer(server)
      expect(yield* client.status.get).toMatchObject({ _tag: "Online" })
    }).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
  })

  it.effect("options that make no sense fail at once, and quote nothing", () =>
    Effect.gen(function* () {
      const circular: Record<string, unknown> = { token: "top secret" }
      circular["self"] = circular
      const noUrl = "url is no ws(s) or http(s) URL"
      const noStoreId = "storeId is no text of 1 to 1,024 characters"
      const noPayload = "payload is no JSON value"
      for (const [options, message] of [
        [{ url: "top secret" }, noUrl],
        [{ url: "ftp://top secret" }, noUrl],
        [{ url: "wss://top secret" }, noUrl],
        [{ storeId: "" }, noStoreId],
        [{ storeId: "top secret".repeat(103) }, noStoreId],
        [{ storeId: "top secret \ud800" }, noStoreId],
        [{ payload: circular }, noPayload],
        [{ payload: { token: "top secret", big: 1n } }, noPayload]
      ] as const) {
        const exit = yield* Effect.exit(Effect.scoped(makeClient(options)))
        expect(exit).toMatchObject({ cause: { error: { _tag: "InvalidOptions", message } } })
        expect(JSON.stringify(exit)).not.toContain("top secret")
      }
    })
  )
})
