import { describe, expect, it } from "@effect/vitest"
import { Frame, Handshake, HttpMessage } from "@tidelog/sync-protocol"
import { Effect, Exit, Fiber, Option, Schema, Scope, Stream } from "effect"
import type { SyncClient } from "../src/index.ts"
import { makeHttpClient, only, type TestHttp, type TestRequest } from "./TestHttp.ts"
import { advance, events, follow, halfway, page, seqNums, settle } from "./TestSocket.ts"

const { PING, PULL, PUSH } = HttpMessage

const encodeFrame = Schema.encodeSync(Frame.ServerFrameFromText)

const push = (client: SyncClient.SyncClientService, from: number, to: number) =>
  client.push(events(from, to), { backendId: Option.some("backend-1") })

const answerPull = (http: TestHttp, answer: (request: TestRequest) => void) =>
  Effect.suspend(() => {
    answer(only(http, PULL))
    return settle
  })

describe("HttpSocket", () => {
  it.scoped("[CLIENT-21] each request is a POST to the store's sync URL, with HTTP's tags", () =>
    Effect.gen(function* () {
      const { client, http } = yield* makeHttpClient({
        url: "wss://sync.test/base?key=1",
        payload: { authToken: "ok é" }
      })
      const { pulled } = yield* follow(client)
      const pushing = yield* Effect.fork(push(client, 0, 2))
      yield* settle
      for (const { method, url } of http.requests) {
        expect(method).toBe("POST")
        expect(`${url.origin}${url.pathname}`).toBe("https://sync.test/base/websocket")
        expect(Object.fromEntries(url.searchParams)).toEqual({
          key: "1",
          storeId: "store",
          payload: encodeURIComponent(JSON.stringify({ authToken: "ok é" })),
          transport: "http",
          protocol: String(Handshake.PROTOCOL_VERSION)
        })
      }
      expect(http.all(PING)[0]?.frame.payload).toEqual({ storeId: "store" })
      expect(only(http, PULL).frame.payload).not.toHaveProperty("live")
      const pushed = only(http, PUSH)
      expect(pushed.push.batch).toEqual(events(0, 2))
      pushed.frames([pushed.succeeded({})])
      yield* Fiber.join(pushing)
      yield* answerPull(http, (pull) => pull.pages(page(0, 2)))
      expect(pulled).toEqual([1, 2])
      expect(yield* client.status.get).toMatchObject({
        _tag: "Online",
        transport: "http",
        unconfirmed: 0
      })
    })
  )

  it.scoped("[CLIENT-21] a pull that is not live goes on while there is more, and ends", () =>
    Effect.gen(function* () {
      const { client, http } = yield* makeHttpClient()
      const { pulled, pulling } = yield* follow(client, false)
      yield* answerPull(http, (pull) => pull.pages(page(0, 2, 3), page(2, 4, 1)))
      expect(only(http, PULL).from).toBe(4)
      yield* answerPull(http, (pull) => pull.pages(page(4, 5)))
      yield* Fiber.join(pulling)
      expect(pulled).toEqual([1, 2, 3, 4, 5])
      expect(http.open(PULL)).toEqual([])
    })
  )

  it.scoped("[CLIENT-21] a live pull looks again every five seconds, and never ends", () =>
    Effect.gen(function* () {
      const { client, http } = yield* makeHttpClient()
      const { pulled, pulling } = yield* follow(client)
      yield* answerPull(http, (pull) => pull.pages(page(0, 2)))
      yield* advance(4_999)
      expect(http.open(PULL)).toEqual([])
      yield* advance(1)
      expect(only(http, PULL).from).toBe(2)
      yield* answerPull(http, (pull) => pull.pages(page(2, 2)))
      yield* advance("5 seconds")
      expect(only(http, PULL).from).toBe(2)
      yield* answerPull(http, (pull) => pull.pages(page(2, 3)))
      yield* advance("5 seconds")
      expect(only(http, PULL).from).toBe(3)
      expect(pulled).toEqual([1, 2, 3])
      expect(yield* Fiber.poll(pulling)).toEqual(Option.none())
      // What is polled is a sign of life.
      expect(http.all(PING)).toHaveLength(1)
    })
  )

  it.scoped("[CLIENT-21] as often as it is told", () =>
    Effect.gen(function* () {
      const { client, http } = yield* makeHttpClient({}, "2 minutes")
      yield* follow(client)
      yield* answerPull(http, (pull) => pull.pages(page(0, 2)))
      yield* advance(119_999)
      expect(http.open(PULL)).toEqual([])
      yield* advance(1)
      expect(http.open(PULL)).toHaveLength(1)
    })
  )

  it.scoped("[CLIENT-21] and at once after a push of its own, refused or not", () =>
    Effect.gen(function* () {
      const { client, http } = yield* makeHttpClient()
      const { pulled } = yield* follow(client)
      yield* answerPull(http, (pull) => pull.pages(page(0, 1)))
      const pushing = yield* Effect.fork(push(client, 1, 2))
      yield* settle
      const first = only(http, PUSH)
      first.frames([first.succeeded({})])
      yield* Fiber.join(pushing)
      yield* settle
      // One that is under way may have been answered before the next push.
      const again = yield* Effect.fork(Effect.flip(push(client, 1, 2)))
      yield* settle
      const second = only(http, PUSH)
      second.frames([
        second.failed({ _tag: "ServerAheadError", minimumExpectedNum: 3, providedNum: 1 })
      ])
      expect(yield* Fiber.join(again)).toMatchObject({ _tag: "ServerAheadError" })
      yield* answerPull(http, (pull) => pull.pages(page(1, 2)))
      yield* answerPull(http, (pull) => pull.pages(page(2, 3)))
      expect(pulled).toEqual([1, 2, 3])
      expect(http.open(PULL)).toEqual([])
    })
  )

  it.scoped(
    "[CLIENT-21] pages are delivered while the answer still comes, whatever its parts",
    () =>
      Effect.gen(function* () {
        const { client, http } = yield* makeHttpClient()
        const { pulled } = yield* follow(client)
        const request = only(http, PULL)
        const body = request.stream()
        const first = `[${encodeFrame(request.chunk(page(0, 2, 2)))}, \n`
        const second = encodeFrame(request.chunk(page(2, 4)))
        body.write(first + second.slice(0, 20))
        yield* advance("1 second")
        expect(pulled).toEqual([1, 2])
        for (const part of second.slice(20)) body.write(part)
        yield* settle
        expect(pulled).toEqual([1, 2, 3, 4])
        body.write(`,${encodeFrame(request.succeeded())}]`)
        body.end()
        yield* advance("5 seconds")
        expect(only(http, PULL).from).toBe(4)
      })
  )

  it.scoped("[CLIENT-21] an answer is not read on beyond what its reader takes", () =>
    Effect.gen(function* () {
      const { client, http } = yield* makeHttpClient()
      const gate = yield* Effect.makeLatch(false)
      const pulled: Array<number> = []
      yield* client.pull({ cursor: 0, backendId: Option.none(), live: false }).pipe(
        Stream.runForEach((page) =>
          Effect.zipRight(
            Effect.sync(() => pulled.push(...seqNums(page))),
            gate.await
          )
        ),
        Effect.forkScoped
      )
      yield* settle
      const request = only(http, PULL)
      const body = request.stream()
      const chunk = (index: number) =>
        encodeFrame(request.chunk(page(index * 600, (index + 1) * 600, 39_000 - index * 600)))
      for (let index = 0; index < 60; index++) {
        body.write(`${index === 0 ? "[" : ","}${chunk(index)}`)
      }
      yield* advance("5 seconds")
      yield* settle
      expect(body.taken()).toBeLessThan(25)
      yield* gate.open
      yield* advance("1 second")
      yield* advance("1 second")
      expect(body.taken()).toBe(60)
      expect(pulled).toHaveLength(36_000)
    })
  )

  it.scoped("[CLIENT-21] what the server has put off is asked for again after five seconds", () =>
    Effect.gen(function* () {
      const { client, http } = yield* makeHttpClient()
      const { pulled } = yield* follow(client)
      yield* answerPull(http, (pull) => pull.pages(page(0, 1, 2)))
      const later = { ...page(1, 1), pageInfo: { _tag: "MoreUnknown" as const } }
      yield* answerPull(http, (pull) => pull.pages(later))
      yield* advance(4_999)
      expect(http.open(PULL)).toEqual([])
      yield* advance(1)
      yield* answerPull(http, (pull) => pull.pages(page(1, 3)))
      expect(pulled).toEqual([1, 2, 3])
    })
  )

  it.scoped(
    "[CLIENT-22] a network error ends no pull: it goes on from its cursor, and so does a push",
    () =>
      Effect.gen(function* () {
        const { client, http } = yield* makeHttpClient()
        const { pulled, pulling } = yield* follow(client)
        yield* answerPull(http, (pull) => pull.pages(page(0, 2)))
        const pushing = yield* Effect.fork(push(client, 2, 3))
        yield* settle
        const first = only(http, PUSH)
        first.answer(new TypeError("Failed to fetch"))
        yield* settle
        expect(yield* client.isConnected.get).toBe(false)
        yield* advance("1 second")
        expect(only(http, PULL).from).toBe(2)
        const second = only(http, PUSH)
        expect(second.push).toEqual(first.push)
        second.frames([second.succeeded({})])
        yield* Fiber.join(pushing)
        yield* answerPull(http, (pull) => pull.pages(page(2, 3)))
        expect(pulled).toEqual([1, 2, 3])
        expect(yield* client.isConnected.get).toBe(true)
        expect(yield* Fiber.poll(pulling)).toEqual(Option.none())
      }).pipe(halfway)
  )

  it.scoped("[CLIENT-22] so does what breaks off, makes no sense, or does not come", () =>
    Effect.gen(function* () {
      const { client, http } = yield* makeHttpClient()
      const { pulled, pulling } = yield* follow(client)
      const connected: Array<boolean> = []
      yield* client.isConnected.changes.pipe(
        Stream.runForEach((isConnected) => Effect.sync(() => connected.push(isConnected))),
        Effect.forkScoped
      )
      let last = 0
      const fail = (answer: (request: TestRequest) => void, wait = 0) =>
        Effect.gen(function* () {
          yield* answerPull(http, (pull) => pull.pages(page(last, last + 1)))
          last += 1
          yield* advance("5 seconds")
          answer(only(http, PULL))
          connected.length = 0
          yield* advance(wait)
          yield* advance("1 second")
          expect(connected).toEqual([false, true])
          expect(only(http, PULL).from).toBe(last)
        })
      yield* fail((pull) => {
        const body = pull.stream()
        body.write(`[${encodeFrame(pull.chunk(page(last, last, 1)))},{"_tag":`)
        body.end()
      })
      yield* fail((pull) => pull.frames([pull.chunk(page(last, last, 1))]))
      yield* fail((pull) => pull.answer(new Response("<html>Sign in</html>")))
      yield* fail((pull) => pull.answer(new Response(`[{"_tag":"Chunk"}]`)))
      yield* fail(() => {}, 30_000)
      yield* fail((pull) => pull.stream().write("["), 30_000)
      expect(pulled).toEqual([1, 2, 3, 4, 5, 6])
      expect(yield* Fiber.poll(pulling)).toEqual(Option.none())
    }).pipe(halfway)
  )

  it.scoped("[CLIENT-22] a refusal stops the client, as over a WebSocket", () =>
    Effect.gen(function* () {
      for (const [status, code] of [
        [400, 4400],
        [401, 4401],
        [403, 4403],
        [410, 4410],
        [413, 4413]
      ] as const) {
        const { client, http } = yield* makeHttpClient({ payload: { authToken: "secret-1" } })
        const { pulling } = yield* follow(client)
        yield* answerPull(http, (pull) => pull.refuse(status, "no, secret-1\n"))
        expect(yield* client.status.get).toMatchObject({ _tag: "Refused", code, reason: "no, …" })
        yield* advance("1 minute")
        expect(http.open(PULL)).toEqual([])
        yield* client.reconnect
        yield* settle
        expect(http.open(PULL)).toHaveLength(1)
        expect(yield* Fiber.poll(pulling)).toEqual(Option.none())
      }
    })
  )

  it.scoped("[CLIENT-22] trouble passes, and a page of somebody else's is no refusal", () =>
    Effect.gen(function* () {
      for (const [status, type] of [
        [500, "text/plain"],
        [502, "text/html"],
        [503, "application/json"],
        [429, "text/plain"],
        [404, "text/plain"],
        [426, "text/plain"],
        [403, "text/html; charset=UTF-8"]
      ] as const) {
        const { client, http } = yield* makeHttpClient()
        const { pulled, pulling } = yield* follow(client)
        yield* answerPull(http, (pull) => {
          const unavailable = {
            _tag: "UnknownError",
            cause: { name: "StorageUnavailable", message: "x" }
          }
          const text = `[${encodeFrame(pull.failed(unavailable))}]`
          pull.refuse(status, text, { "content-type": type })
        })
        expect(yield* client.status.get).toMatchObject({ _tag: "Waiting", attempt: 2 })
        yield* advance("2 seconds")
        yield* answerPull(http, (pull) => pull.pages(page(0, 1)))
        expect(pulled).toEqual([1])
        expect(yield* Fiber.poll(pulling)).toEqual(Option.none())
      }
    }).pipe(halfway)
  )

  it.scoped("[CLIENT-22] a push that is to come later is told so, and its connection stays", () =>
    Effect.gen(function* () {
      const { client, http } = yield* makeHttpClient()
      for (const [status, name] of [
        [503, "StorageUnavailable"],
        [429, "RateLimited"]
      ] as const) {
        const pushing = yield* Effect.fork(Effect.flip(push(client, 0, 1)))
        yield* settle
        const request = only(http, PUSH)
        request.frames(
          [request.failed({ _tag: "UnknownError", cause: { name, message: "later" } })],
          status
        )
        expect(yield* Fiber.join(pushing)).toMatchObject({ _tag: "UnknownError", cause: { name } })
        expect(yield* client.isConnected.get).toBe(true)
      }
    })
  )

  it.scoped("[CLIENT-22] another log is told as over a WebSocket", () =>
    Effect.gen(function* () {
      const { client, http } = yield* makeHttpClient()
      const { pulling } = yield* follow(client)
      yield* answerPull(http, (pull) =>
        pull.frames([
          pull.failed({
            _tag: "BackendIdMismatchError",
            expected: "backend-2",
            received: "backend-1"
          })
        ])
      )
      expect(yield* Effect.flip(Fiber.join(pulling))).toMatchObject({
        _tag: "BackendIdMismatchError"
      })
    })
  )

  it.scoped(
    "[CLIENT-22] nobody is there: the client says that it is not connected, and asks again",
    () =>
      Effect.gen(function* () {
        const { client, http } = yield* makeHttpClient()
        expect(yield* client.isConnected.get).toBe(true)
        http.pings = "silent"
        yield* advance("15 seconds")
        expect(yield* client.isConnected.get).toBe(false)
        expect(http.all(PING)[1]?.isAborted()).toBe(true)
        http.pings = "answered"
        yield* advance("10 seconds")
        expect(yield* client.isConnected.get).toBe(true)
      }).pipe(halfway)
  )

  it.scoped("[CLIENT-18] a new payload before the old one ends, by the server's word", () =>
    Effect.gen(function* () {
      let made = 0
      const { client, http } = yield* makeHttpClient({
        payload: () => ({ token: `token-${++made}` })
      })
      const { pulled } = yield* follow(client)
      yield* answerPull(http, (pull) =>
        pull.frames([
          pull.chunk(page(0, 1), { sparingAcks: true, expiresIn: 62_000 }),
          pull.succeeded()
        ])
      )
      for (let looks = 1; looks <= 6; looks++) {
        yield* advance("5 seconds")
        yield* answerPull(http, (pull) => pull.pages(page(looks, looks + 1)))
      }
      yield* advance("2 seconds")
      const next = only(http, PULL)
      expect(next.url.searchParams.get("payload")).toContain("token-2")
      expect(next.from).toBe(7)
      expect(pulled).toEqual([1, 2, 3, 4, 5, 6, 7])
      expect(yield* client.isConnected.get).toBe(true)
    })
  )

  it.effect("[CLIENT-19] the end of the scope aborts every request", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { client, http } = yield* Scope.extend(makeHttpClient(), scope)
      http.pings = "silent"
      yield* Effect.fork(push(client, 0, 1))
      yield* Effect.fork(client.ping)
      yield* Scope.extend(follow(client), scope)
      yield* settle
      const body = only(http, PULL).stream()
      body.write("[")
      yield* settle
      const open = http.requests.filter(
        ({ frame, isAnswered }) => !isAnswered || frame.tag === PULL
      )
      expect(open.map(({ frame }) => frame.tag).toSorted()).toEqual([PING, PULL, PUSH])
      yield* Scope.close(scope, Exit.void)
      yield* settle
      expect(open.map(({ isAborted }) => isAborted())).toEqual([true, true, true])
      const made = http.requests.length
      yield* advance("10 minutes")
      expect(http.requests).toHaveLength(made)
    })
  )
})
