import { describe, expect, it } from "@effect/vitest"
import type { Frame } from "@tidelog/sync-protocol"
import { Clock, Effect, Fiber, Option, Stream, TestClock } from "effect"
import type { SyncClient, SyncStatus } from "../src/index.ts"
import {
  advance,
  answer,
  events,
  makeOnline,
  page,
  seqNums,
  settle,
  type TestSocket
} from "./TestSocket.ts"

/** A client whose token changes, what it pulls, and what its app is told meanwhile. */
const start = (payload?: unknown) =>
  Effect.gen(function* () {
    let made = 0
    const statuses: Array<SyncStatus.SyncStatus> = []
    const connected: Array<boolean> = []
    const pulled: Array<number> = []
    const online = yield* makeOnline({
      payload: payload ?? (() => ({ token: `token-${++made}` })),
      onStatus: (status) => statuses.push(status)
    })
    yield* online.client.isConnected.changes.pipe(
      Stream.runForEach((isConnected) => Effect.sync(() => connected.push(isConnected))),
      Effect.forkScoped
    )
    const pulling = yield* online.client
      .pull({ cursor: 0, backendId: Option.none(), live: true })
      .pipe(
        Stream.runForEach((page) => Effect.sync(() => pulled.push(...seqNums(page)))),
        Effect.forkScoped
      )
    yield* settle
    const states = () =>
      statuses.map(({ _tag }) => _tag).filter((state, index, all) => state !== all[index - 1])
    return { ...online, connected, pulled, pulling, states, made: () => made }
  })

/** The first chunk of a connection, whose authorisation has so many ms left. */
const greet = (
  socket: TestSocket,
  expiresIn: number,
  values = page(0, 1),
  requestId: Frame.RequestId = "1"
) =>
  socket.say({
    _tag: "Chunk",
    requestId,
    values: [values],
    server: { sparingAcks: true, expiresIn }
  })

const push = (client: SyncClient.SyncClientService, from: number, to: number) =>
  client.push(events(from, to), { backendId: Option.some("backend-1") })

describe("an authorisation that ends", () => {
  it.scoped("[CLIENT-18] is renewed ahead, at the cursor, and the app never sees it", () =>
    Effect.gen(function* () {
      const { client, connected, pulled, server, socket, states } = yield* start()
      greet(socket, 120_000, page(0, 3))
      yield* advance("89 seconds")
      expect(server.sockets).toHaveLength(1)
      const pushing = yield* Effect.fork(push(client, 3, 4))
      yield* advance("1 second")
      expect(server.sockets).toHaveLength(2)
      const second = server.latest
      expect(new URL(second.url).searchParams.get("payload")).toContain("token-2")
      // Until it answers, the first one is in use.
      second.answersPings = false
      second.accept()
      socket.page("1", page(3, 5))
      yield* settle
      expect(pulled).toEqual([1, 2, 3, 4, 5])
      expect(socket.closedWith).toBeUndefined()
      second.sayText(`{"_tag":"Pong"}`)
      yield* settle
      expect(socket.closedWith).toBe(1000)
      const [pull] = second.pulls
      expect(pull?.cursor.pipe(Option.getOrUndefined)).toMatchObject({ eventSequenceNumber: 5 })
      // What was under way goes on over the new one.
      second.accepted(second.pushes[0]?.id ?? "")
      second.page(pull?.id ?? "", page(5, 6))
      yield* settle
      yield* Fiber.join(pushing)
      expect(pulled).toEqual([1, 2, 3, 4, 5, 6])
      expect(connected).toEqual([true])
      expect(states()).toEqual(["Idle", "Connecting", "Online"])
      expect(yield* client.status.get).toMatchObject({ _tag: "Online", since: 0 })
    })
  )

  it.scoped("[CLIENT-18][CLIENT-4] in the middle of a backlog, which goes on", () =>
    Effect.gen(function* () {
      const { pulled, pulling, server, socket } = yield* start()
      greet(socket, 40_000, page(0, 3, 5))
      yield* advance("10 seconds")
      expect(pulled).toEqual([1, 2, 3])
      socket.page("1", page(3, 4, 4))
      yield* advance("10 seconds")
      const second = yield* answer(server)
      expect(socket.closedWith).toBe(1000)
      expect(yield* Fiber.poll(pulling)).toEqual(Option.none())
      second.page(second.pulls[0]?.id ?? "", page(4, 8))
      yield* settle
      expect(pulled).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
      expect(yield* Fiber.poll(pulling)).toEqual(Option.none())
    })
  )

  it.scoped("[CLIENT-18] again and again, each time half of a short life ahead", () =>
    Effect.gen(function* () {
      const { connected, pulling, server, states } = yield* start()
      for (let count = 1; count <= 5; count++) {
        const { latest } = server
        greet(latest, 10_000, page(count - 1, count), latest.pulls[0]?.id)
        yield* advance(4_999)
        expect(server.sockets).toHaveLength(count)
        yield* advance(1)
        yield* answer(server)
        expect(server.sockets).toHaveLength(count + 1)
        expect(latest.closedWith).toBe(1000)
      }
      expect(connected).toEqual([true])
      expect(states()).toEqual(["Idle", "Connecting", "Online"])
      expect(yield* Fiber.poll(pulling)).toEqual(Option.none())
    })
  )

  it.scoped("[CLIENT-18] not before the connection is five seconds old", () =>
    Effect.gen(function* () {
      const { server, socket } = yield* start()
      greet(socket, 6_000)
      yield* advance(4_999)
      expect(server.sockets).toHaveLength(1)
      yield* advance(1)
      expect(server.sockets).toHaveLength(2)
    })
  )

  it.scoped("[CLIENT-18] as the payload itself says, if that is sooner", () =>
    Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      const { server, socket } = yield* start(() => ({ token: "t", expiresAt: now + 60_000 }))
      greet(socket, 600_000)
      yield* advance("29 seconds")
      expect(server.sockets).toHaveLength(1)
      yield* advance("1 second")
      expect(server.sockets).toHaveLength(2)
    })
  )

  it.scoped(
    "[CLIENT-18] by a successor that is refused, or none: the first one stays, for its time",
    () =>
      Effect.gen(function* () {
        const { pulled, server, socket, states } = yield* start()
        greet(socket, 40_000)
        yield* advance("20 seconds")
        const refused = server.latest
        refused.answersPings = false
        refused.accept()
        yield* settle
        refused.hangUp(4401, "too old")
        yield* settle
        socket.page("1", page(1, 2))
        yield* settle
        expect(pulled).toEqual([1, 2])
        yield* advance("5 seconds")
        expect(server.sockets).toHaveLength(3)
        server.latest.hangUp()
        yield* advance("5 seconds")
        yield* answer(server)
        expect(server.sockets).toHaveLength(4)
        expect(socket.closedWith).toBe(1000)
        expect(refused.closedWith).toBe(1000)
        expect(states()).toEqual(["Idle", "Connecting", "Online"])
      })
  )

  it.scoped("[CLIENT-18] that is over already, by whatever clock, is not renewed for that", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("1000 hours")
      const now = yield* Clock.currentTimeMillis
      // A clock that is ahead, and seconds that are taken for milliseconds.
      for (const expiresAt of [now - 1, Math.floor((now + 60_000) / 1_000)]) {
        const { server, socket, states } = yield* start(() => ({ token: "t", expiresAt }))
        socket.page("1", page(0, 0))
        yield* advance("10 minutes")
        expect(server.sockets).toHaveLength(1)
        expect(states()).toEqual(["Idle", "Connecting", "Online"])
      }
    })
  )

  it.scoped(
    "[CLIENT-18] by the same token, until that ends, is renewed a few times and no more",
    () =>
      Effect.gen(function* () {
        const now = yield* Clock.currentTimeMillis
        const { server } = yield* start(() => ({ token: "t", expiresAt: now + 60_000 }))
        for (let second = 0; second < 59; second++) {
          yield* advance("1 second")
          if (server.latest.readyState === 0) yield* answer(server)
        }
        expect(server.sockets.length).toBeGreaterThan(2)
        expect(server.sockets.length).toBeLessThan(7)
      })
  )

  it.scoped("[CLIENT-11][CLIENT-18] of two payloads at a time, neither is told", () =>
    Effect.gen(function* () {
      let made = 0
      const { client, socket } = yield* start(() => ({ token: `secret-token-${++made}` }))
      greet(socket, 40_000)
      yield* advance("20 seconds")
      expect(made).toBe(2)
      socket.hangUp(4403, "neither secret-token-1 nor secret-token-2")
      yield* settle
      expect(yield* client.status.get).toMatchObject({ _tag: "Refused", reason: "neither … nor …" })
    })
  )

  for (const [which, inOrder] of [
    ["its answer", (answers: () => void, ends: () => void) => (answers(), ends())],
    ["the end of the first", (answers: () => void, ends: () => void) => (ends(), answers())]
  ] as const) {
    it.scoped(
      `[CLIENT-18][CLIENT-19] when ${which} comes a moment before the other, one is left`,
      () =>
        Effect.gen(function* () {
          const { server, socket } = yield* start()
          greet(socket, 40_000)
          yield* advance("20 seconds")
          const second = server.latest
          second.answersPings = false
          second.accept()
          yield* settle
          inOrder(
            () => second.sayText(`{"_tag":"Pong"}`),
            () => socket.hangUp()
          )
          yield* advance("2 seconds")
          if (server.latest.readyState === 0) yield* answer(server)
          const open = server.sockets.filter(
            ({ closedWith, readyState }) => closedWith === undefined && readyState === 1
          )
          expect(open).toEqual([server.latest])
          expect(server.latest.pulls).toHaveLength(1)
        })
    )
  }

  it.scoped("[CLIENT-18] of a payload that is always the same, is not renewed", () =>
    Effect.gen(function* () {
      const { server, socket } = yield* start({ token: "t" })
      greet(socket, 40_000)
      yield* advance("39 seconds")
      expect(server.sockets).toHaveLength(1)
    })
  )

  it.effect("[CLIENT-19] ends with the client, whatever it is about to do", () =>
    Effect.gen(function* () {
      const sockets = yield* Effect.scoped(
        Effect.gen(function* () {
          const { server, socket } = yield* start()
          greet(socket, 40_000)
          yield* advance("20 seconds")
          expect(server.sockets).toHaveLength(2)
          return server.sockets
        })
      )
      for (const socket of sockets) {
        expect(socket.closedWith).toBe(1000)
        expect(
          [...socket.listeners.entries()].filter(([type, count]) => type !== "error" && count > 0)
        ).toEqual([])
      }
    })
  )
})
