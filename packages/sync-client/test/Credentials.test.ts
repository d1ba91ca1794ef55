import { describe, expect, it } from "@effect/vitest"
import { Effect, Either, Option, Stream } from "effect"
import type { Credentials, SyncStatus } from "../src/index.ts"
import { SyncClient } from "../src/index.ts"
import {
  advance,
  answer,
  halfway,
  makeClient,
  makeOnline,
  makeServer,
  page,
  settle
} from "./TestSocket.ts"
import type { TestServer, TestSocket } from "./TestSocket.ts"

/** The payload that a connection was opened with, and those that its requests claim. */
const payloads = (socket: TestSocket) => ({
  url: JSON.parse(decodeURIComponent(new URL(socket.url).searchParams.get("payload") ?? "null")),
  claims: [...socket.pulls, ...socket.pushes].map(({ payload }) => payload)
})

/** Follows the log for as long as the test. */
const follow = (client: SyncClient.SyncClientService) =>
  Effect.forkScoped(
    Stream.runDrain(client.pull({ cursor: 0, backendId: Option.none(), live: true }))
  )

/** The connection is lost, and the next one opens. */
const loseAndReturn = (server: TestServer) =>
  Effect.gen(function* () {
    yield* advance("1 second")
    server.latest.hangUp()
    yield* advance("1 second")
    return yield* answer(server)
  })

/** Tokens one after another, each made in another way. */
const ways: Readonly<
  Record<string, (token: () => { readonly token: string }) => Credentials.PayloadSource>
> = {
  "a function": (token) => token,
  "a Promise": (token) => () => Promise.resolve(token()),
  "an Effect": (token) => () => Effect.sync(token),
  "an Effect that takes a while": (token) => () => Effect.map(Effect.sleep("1 millis"), token)
}

describe("the payload of a connection", () => {
  it.scoped.each(Object.entries(ways))("[CLIENT-13] is made anew for each, by %s", ([, way]) =>
    Effect.gen(function* () {
      let made = 0
      const payload = way(() => ({ token: `token-${++made}` }))
      const { client, server } = yield* makeClient({ payload })
      yield* follow(client)
      yield* advance("1 millis")
      const socket = yield* answer(server)
      const first = { token: "token-1" }
      expect(payloads(socket)).toEqual({ url: first, claims: [first] })
      const next = yield* loseAndReturn(server)
      const second = { token: "token-2" }
      expect(payloads(next)).toEqual({ url: second, claims: [second] })
      expect(made).toBe(2)
    })
  )

  it.scoped("[CLIENT-13] is made in time, or the connection is tried again", () =>
    Effect.gen(function* () {
      let asked = 0
      const failing: ReadonlyArray<() => unknown> = [
        () => {
          throw new Error("s3cret-token")
        },
        () => Promise.reject(new Error("s3cret-token")),
        () => Effect.fail("s3cret-token"),
        () => Effect.never,
        () => 1n,
        () => ({ token: "good" })
      ]
      const seen: Array<SyncStatus.SyncStatus> = []
      const { client, server } = yield* makeClient({
        payload: () => failing[Math.min(asked++, failing.length - 1)]?.(),
        onStatus: (status) => seen.push(status)
      })
      yield* client.reconnect
      for (let waits = 0; waits < 60 && server.sockets.length === 0; waits++) {
        yield* advance("500 millis")
      }
      expect(payloads(server.latest).url).toEqual({ token: "good" })
      expect(asked).toBe(failing.length)
      expect(JSON.stringify(seen)).not.toContain("s3cret")
      const reasons = seen.flatMap((status) => (status._tag === "Waiting" ? [status.reason] : []))
      expect([...new Set(reasons)]).toEqual([
        "the payload could not be made",
        "the payload took too long",
        "payload is no JSON value"
      ])
    })
  )

  it.scoped("[CLIENT-6][CLIENT-13] that has ended is made anew, until it is another one", () =>
    Effect.gen(function* () {
      let made = 0
      const { client, server, socket } = yield* makeOnline({
        payload: () => ({ token: `token-${++made}` })
      })
      yield* follow(client)
      socket.page("1", page(0, 3))
      yield* advance("1 minute")
      const expire = Effect.suspend(() => {
        server.latest.hangUp(4401, "the credentials have expired")
        return advance("10 seconds")
      })
      // The first ones that are made anew have ended as well.
      for (const tries of [2, 3, 4]) {
        yield* expire
        expect(server.sockets).toHaveLength(tries)
        expect(payloads(server.latest).url).toEqual({ token: `token-${tries}` })
      }
      const good = yield* answer(server)
      good.page(good.pulls[0]?.id ?? "", page(3, 4))
      yield* advance("1 minute")
      expect(yield* client.status.get).toMatchObject({ _tag: "Online" })
      // Now nothing helps.
      for (let tries = 0; tries < 20; tries++) yield* expire
      expect(server.sockets).toHaveLength(4 + 6)
      expect(yield* client.status.get).toMatchObject({ _tag: "Refused", code: 4401 })
    })
  )

  it.scoped("[CLIENT-13] that ends as soon as it was accepted is not made for ever", () =>
    Effect.gen(function* () {
      const { client, server } = yield* makeOnline({ payload: () => ({ token: "short-lived" }) })
      yield* follow(client)
      for (let tries = 0; tries < 20; tries++) {
        const socket = yield* answer(server)
        socket.page(socket.pulls[0]?.id ?? "", page(0, 0))
        yield* settle
        socket.hangUp(4401, "the credentials have expired")
        yield* advance("9 seconds")
      }
      expect(server.sockets.length).toBeLessThan(10)
      expect(yield* client.status.get).toMatchObject({ _tag: "Refused" })
    })
  )

  it.scoped("[CLIENT-13] that has ended while there was no network is made anew as well", () =>
    Effect.gen(function* () {
      let made = 0
      const { client, server } = yield* makeOnline({
        payload: () => ({ token: `token-${++made}` })
      })
      yield* advance("1 minute")
      // The network is gone, for some time.
      for (const millis of [0, 125, 250, 500, 1_000, 2_000]) {
        const before = server.sockets.length
        server.latest.hangUp()
        yield* advance(millis)
        expect(server.sockets).toHaveLength(before + 1)
      }
      // It is back. What the app makes first is what it had.
      server.latest.hangUp(4401, "the credentials have expired")
      yield* settle
      expect(yield* client.status.get).toMatchObject({ _tag: "Waiting" })
      yield* advance("1 second")
      yield* answer(server)
      expect(payloads(server.latest).url).toEqual({ token: `token-${made}` })
      expect(yield* client.status.get).toMatchObject({ _tag: "Online" })
    }).pipe(halfway)
  )

  it.scoped("[CLIENT-6][CLIENT-13] of who was never let in is not made anew", () =>
    Effect.gen(function* () {
      const { client, server } = yield* makeClient({ payload: () => ({ token: "no" }) })
      for (const attempts of [1, 2]) {
        yield* client.reconnect
        yield* advance("1 second")
        server.latest.hangUp(4401, "who are you?")
        yield* advance("1 minute")
        expect(server.sockets).toHaveLength(attempts)
        expect(yield* client.status.get).toMatchObject({ _tag: "Refused" })
      }
    })
  )

  it.scoped("[CLIENT-13] is not asked for twice at a time", () =>
    Effect.gen(function* () {
      let asked = 0
      const waiting: Array<(payload: unknown) => void> = []
      const { server, socket } = yield* makeOnline({
        payload: () => {
          asked += 1
          return asked === 1
            ? { token: "first", expiresAt: 60_000 }
            : new Promise((resolve) => waiting.push(resolve))
        }
      })
      // It is about to end, and another one on its way, as the connection is lost.
      yield* advance("31 seconds")
      expect(asked).toBe(2)
      socket.hangUp()
      yield* advance("1 second")
      expect(asked).toBe(2)
      expect(server.sockets).toHaveLength(1)
      waiting[0]?.({ token: "second" })
      yield* settle
      expect(payloads(yield* answer(server)).url).toEqual({ token: "second" })
      // One that never comes is asked for again.
      server.latest.hangUp()
      yield* advance("9 seconds")
      expect(asked).toBe(3)
      yield* advance("2 seconds")
      expect(asked).toBe(4)
      waiting[2]?.({ token: "fourth" })
      yield* settle
      expect(payloads(server.latest).url).toEqual({ token: "fourth" })
    })
  )

  it.scoped("[CLIENT-13] may be a Promise, or an Effect, which is asked each time", () =>
    Effect.gen(function* () {
      let asked = 0
      const sources = [
        [Promise.resolve({ token: "promised" }), ["promised", "promised"]],
        [Effect.sync(() => ({ token: `made-${++asked}` })), ["made-1", "made-2"]]
      ] as const
      for (const [payload, tokens] of sources) {
        const { server, socket } = yield* makeOnline({ payload })
        expect(payloads(socket).url).toEqual({ token: tokens[0] })
        yield* advance("10 seconds")
        socket.hangUp()
        yield* advance("1 second")
        expect(server.sockets).toHaveLength(2)
        expect(payloads(server.latest).url).toEqual({ token: tokens[1] })
      }
    })
  )

  it.scoped("[CLIENT-13] that cannot be interrupted is left to itself", () =>
    Effect.gen(function* () {
      let asked = 0
      const { client, server } = yield* makeClient({
        payload: () =>
          ++asked === 1 ? Effect.uninterruptible(Effect.sleep("1 hour")) : { token: "good" }
      })
      yield* client.reconnect
      yield* advance("11 seconds")
      expect(payloads(server.latest).url).toEqual({ token: "good" })
    })
  )

  it.scoped("[CLIENT-11] is hidden as it travels", () =>
    Effect.gen(function* () {
      class Token {
        readonly #text = "very-secret-token"
        toJSON() {
          return this.#text
        }
      }
      const { client, server } = yield* makeOnline({ payload: { token: new Token() } })
      server.latest.hangUp(4403, "very-secret-token is no token")
      yield* settle
      expect(yield* client.status.get).toMatchObject({ reason: "… is no token" })
    })
  )

  it.scoped("[CLIENT-6] that is always the same is not tried again", () =>
    Effect.gen(function* () {
      const { client, server, socket } = yield* makeOnline({ payload: { token: "the-one" } })
      yield* follow(client)
      socket.page("1", page(0, 3))
      yield* advance("1 minute")
      socket.hangUp(4401, "the credentials have expired")
      yield* advance("5 minutes")
      expect(server.sockets).toHaveLength(1)
    })
  )

  it.scoped("[CLIENT-11] is hidden in what the server says of it, each time the present one", () =>
    Effect.gen(function* () {
      let made = 0
      const { client, server } = yield* makeOnline({ payload: () => `secret-token-${++made}` })
      for (const number of [1, 2]) {
        server.latest.hangUp(4403, `secret-token-${number} is no token`)
        yield* settle
        expect(yield* client.status.get).toMatchObject({ reason: "… is no token" })
        yield* client.reconnect
        yield* answer(server)
      }
    })
  )

  it.scoped("of a client that makes no sense is told at once", () =>
    Effect.gen(function* () {
      const make = (payload: unknown) =>
        Effect.either(
          SyncClient.make({
            url: "wss://sync.test",
            storeId: "store",
            payload,
            broadcastStatus: false
          })
        ).pipe(Effect.provide(makeServer().layer))
      expect(Either.isLeft(yield* make(1n))).toBe(true)
      expect(Either.isRight(yield* make(() => 1n))).toBe(true)
    })
  )
})
