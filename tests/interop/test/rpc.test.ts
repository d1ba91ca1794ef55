/**
 * Objects that are LiveStore clients by its own packages (`makeDoRpcSync`, a store by its Cloudflare adapter), on
 * a backend of this project's in the same worker.
 */
import { NodeContext } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import { makeHttpSync } from "@livestore/sync-cf/client"
import { eventually } from "@tidelog/e2e/src/eventually.ts"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import { RpcServer } from "../src/RpcServer.ts"
import { events, leader, range, readAfter } from "../src/Side.ts"

const server = RpcServer.layer.pipe(
  Layer.provide(NodeContext.layer),
  Layer.provide(Logger.remove(Logger.defaultLogger))
)

/** Asks until the answer is as it is to be. */
const until = <E>(asked: Effect.Effect<unknown, E, RpcServer>, holds: (answer: unknown) => void) =>
  eventually(
    "the answer is as it is to be",
    Effect.tap(asked, (answer) => Effect.try(() => holds(answer))),
    () => true
  )

const ask = (path: string, body?: unknown) =>
  Effect.flatMap(RpcServer, (server) => server.ask(path, body))

/**
 * Pushes events, from `head` on, until an object is called back with one: its pull ends first, when nothing has come
 * for a while. The head after that.
 */
const untilCalled = <A, E, R>(
  states: ReadonlyArray<string>,
  head: number,
  push: (event: ReturnType<typeof events>) => Effect.Effect<A, E, R>
) =>
  Effect.gen(function* () {
    let next = head
    const pushing = Effect.suspend(() => {
      next += 1
      return push(events(next - 1, next))
    }).pipe(Effect.repeat(Schedule.spaced("1 second")), Effect.zipRight(Effect.never))
    const called = until(
      Effect.forEach(states, (state) => ask(state)),
      (answers) =>
        expect(answers).toContainEqual({
          received: expect.anything(),
          calls: expect.toSatisfy((calls) => calls > 0)
        })
    )
    yield* Effect.race(called, pushing)
    return next
  })

/** Somebody else, over HTTP. */
const other = (storeId: string) =>
  Effect.flatMap(RpcServer, ({ url }) =>
    makeHttpSync({ url: `${url}/sync`, ping: { enabled: false } })({
      storeId,
      clientId: "other",
      payload: undefined
    })
  )

layer(server, { excludeTestServices: true, timeout: "90 seconds" })("calls of objects", (it) => {
  it.scoped("push, pull and ping", () =>
    Effect.gen(function* () {
      expect(yield* ask("/client/one/ping?storeId=basic")).toEqual({})
      expect(yield* ask("/client/one/push?storeId=basic", events(0, 3))).toEqual({})
      expect(yield* ask("/client/two/pull?storeId=basic")).toEqual({ value: events(0, 3) })
      expect(yield* ask("/client/two/pull?storeId=basic&after=2")).toEqual({ value: events(2, 3) })
    })
  )

  it.scoped("are told that they are behind", () =>
    Effect.gen(function* () {
      yield* ask("/client/first/push?storeId=behind", events(0, 2))
      expect(yield* ask("/client/second/push?storeId=behind", events(1, 2, { n: 1 }))).toEqual({
        error: "ServerAheadError"
      })
    })
  )

  it.scoped("pull 10,000 events, and 60 of 120 kB", () =>
    Effect.gen(function* () {
      const many = yield* other("many")
      for (let from = 0; from < 10_000; from += 100) yield* many.push(events(from, from + 100))
      expect(yield* ask("/client/many/pull?storeId=many")).toEqual({ value: events(0, 10_000) })
      const large = yield* other("large")
      const args = { text: "x".repeat(120_000) }
      for (let from = 0; from < 60; from += 5) yield* large.push(events(from, from + 5, args))
      expect(yield* ask("/client/large/pull?storeId=large")).toEqual({ value: events(0, 60, args) })
    }).pipe(Effect.provide(leader))
  )

  it.scoped("are called back with what others push, and by a new server too", () =>
    Effect.gen(function* () {
      const one = yield* other("live")
      yield* one.push(events(0, 3))
      yield* ask("/client/live/follow?storeId=live")
      yield* until(ask("/client/live/state?storeId=live"), (answer) =>
        expect(answer).toMatchObject({ received: [1, 2, 3] })
      )
      for (const from of range(2, 12)) yield* one.push(events(from, from + 1))
      yield* until(ask("/client/live/state?storeId=live"), (answer) =>
        expect(answer).toMatchObject({ received: range(0, 13) })
      )
      const head = yield* untilCalled(["/client/live/state?storeId=live"], 13, (event) =>
        one.push(event)
      )
      yield* until(ask("/client/live/state?storeId=live"), (answer) =>
        expect(answer).toMatchObject({ received: range(0, head) })
      )
      yield* (yield* RpcServer).restart
      yield* (yield* other("live")).push(events(head, head + 1))
      yield* until(ask("/client/live/state?storeId=live"), (answer) =>
        expect(answer).toEqual({ received: [], calls: 1 })
      )
    }).pipe(Effect.provide(leader))
  )

  it.scoped(
    "[CLIENT-3][CLIENT-5] this project's client does in an object what it does elsewhere",
    () =>
      Effect.gen(function* () {
        const { restart, url } = yield* RpcServer
        const at = (name: string, path: string) =>
          `/client/${name}/${path}?storeId=socket&via=socket&url=${encodeURIComponent(`${url}/sync`)}`
        expect(yield* ask(at("socket", "ping"))).toEqual({})
        expect(yield* ask(at("socket", "push"), events(0, 250))).toEqual({})
        expect(yield* ask(at("socket", "pull"))).toEqual({ value: events(0, 250) })
        yield* ask(at("follower", "follow"))
        const has = (head: number) =>
          until(ask(at("follower", "state")), (answer) =>
            expect(answer).toMatchObject({ received: range(0, head) })
          )
        yield* has(250)
        const one = yield* other("socket")
        yield* one.push(events(250, 252))
        yield* has(252)
        yield* restart
        expect(yield* ask(at("socket", "pull"))).toEqual({ value: events(0, 252) })
      }).pipe(Effect.provide(leader))
  )

  it.scoped("carry whole stores, which see what others do", () =>
    Effect.gen(function* () {
      yield* ask("/store/one/add?storeId=notes&id=a")
      yield* ask("/store/two/add?storeId=notes&id=b")
      for (const name of ["one", "two"]) {
        yield* until(ask(`/store/${name}/read?storeId=notes`), (answer) =>
          expect(answer).toEqual(["a", "b"])
        )
      }
      expect(yield* readAfter(yield* other("notes"), 0)).toHaveLength(2)
    }).pipe(Effect.provide(leader))
  )

  for (const via of ["own", "away"]) {
    const backend = via === "own" ? "this project's backend" : "the official backend"
    const at = (name: string, path: string, storeId: string) =>
      `/client/${via}-${name}/${path}?storeId=${via}-${storeId}&via=${via}`

    it.scoped(
      `[CLIENT-26] this project's client pushes, pulls and pings by calls, on ${backend}`,
      () =>
        Effect.gen(function* () {
          const one = (path: string) => at("one", path, "basic")
          expect(yield* ask(one("ping"))).toEqual({})
          expect(yield* ask(one("pull"))).toEqual({ value: [] })
          expect(yield* ask(one("push"), events(0, 250))).toEqual({})
          expect(yield* ask(one("pull"))).toEqual({ value: events(0, 250) })
          expect(yield* ask(at("two", "push", "basic"), events(1, 2, { n: 1 }))).toEqual({
            error: "ServerAheadError"
          })
          const large = events(250, 262, { text: "x".repeat(120_000) })
          expect(yield* ask(one("push"), large)).toEqual({})
          expect(yield* ask(at("two", "pull", "basic"))).toEqual({
            value: [...events(0, 250), ...large]
          })
          // The official backend would store it, and fail every pull from then on.
          const huge = events(262, 263, { text: "b".repeat(950_000) })
          const taken = via === "own"
          expect(yield* ask(one("push"), huge)).toEqual(taken ? {} : { error: "UnknownError" })
          expect(yield* ask(at("two", "pull", "basic"))).toEqual({
            value: [...events(0, 250), ...large, ...(taken ? huge : [])]
          })
        })
    )

    it.scoped(`[CLIENT-26] and follows what others push, two of a store, on ${backend}`, () =>
      Effect.gen(function* () {
        const push = (from: number, to: number) =>
          Effect.map(ask(at("writer", "push", "live"), events(from, to)), (answer) =>
            expect(answer).toEqual({})
          )
        yield* push(0, 3)
        const has = (head: number) =>
          Effect.forEach(["first", "second"], (name) =>
            until(ask(at(name, "state", "live")), (answer) =>
              expect(answer).toMatchObject({ received: range(0, head) })
            )
          )
        yield* ask(at("first", "follow", "live"))
        yield* ask(at("second", "follow", "live"))
        yield* has(3)
        for (const from of range(2, 12)) yield* push(from, from + 1)
        yield* has(13)
        const states = ["first", "second"].map((name) => at(name, "state", "live"))
        yield* has(
          yield* untilCalled(states, 13, (event) => ask(at("writer", "push", "live"), event))
        )
      })
    )

    it.scoped(`[CLIENT-26] two objects are each told of their own store, on ${backend}`, () =>
      Effect.gen(function* () {
        const stores = ["left", "right"]
        const push = (store: string, batch: ReturnType<typeof events>) =>
          ask(at(`${store}-writer`, "push", store), batch)
        const has = (store: string, head: number) =>
          until(ask(at(`${store}-reader`, "state", store)), (answer) =>
            expect(answer).toMatchObject({ received: range(0, head) })
          )
        for (const store of stores) yield* push(store, events(0, 3))
        for (const store of stores) yield* ask(at(`${store}-reader`, "follow", store))
        for (const store of stores) yield* has(store, 3)
        for (const store of stores) {
          const state = at(`${store}-reader`, "state", store)
          yield* has(store, yield* untilCalled([state], 3, (event) => push(store, event)))
        }
      })
    )

    it.scoped(`[CLIENT-26] for whole stores too, on ${backend}`, () =>
      Effect.gen(function* () {
        const store = (name: string, rest: string) =>
          `/store/${via}-${name}/${rest}storeId=${via}-notes&via=${via}`
        yield* ask(store("one", "add?id=a&"))
        yield* ask(store("two", "add?id=b&"))
        for (const name of ["one", "two"]) {
          yield* until(ask(store(name, "read?")), (answer) => expect(answer).toEqual(["a", "b"]))
        }
        yield* ask(store("one", "add?id=c&"))
        yield* until(ask(store("two", "read?")), (answer) =>
          expect(answer).toEqual(["a", "b", "c"])
        )
      })
    )
  }

  it.scoped("[RPC-8] half a surrogate pair is the same event everywhere, and pushed once", () =>
    Effect.gen(function* () {
      const at = (name: string, path: string) => `/store/${name}/${path}?storeId=half&via=own`
      yield* ask(at("half-one", "cut"))
      const one = yield* other("half")
      yield* until(readAfter(one, 0), (events) => expect(events).toHaveLength(1))
      yield* ask(`${at("half-one", "add")}&id=b`)
      for (const name of ["half-one", "half-two"]) {
        // SQLite's own texts are UTF-8.
        yield* until(ask(at(name, "read")), (answer) => expect(answer).toEqual(["a\ufffd", "b"]))
      }
      expect(yield* readAfter(one, 0)).toMatchObject([
        { args: { id: "a😀".slice(0, 2) } },
        { args: { id: "b" } }
      ])
    }).pipe(Effect.provide(leader))
  )

  it.scoped(
    "[CLIENT-26][RPC-6] an object that was out of memory is called no more, until it pulls",
    () =>
      Effect.gen(function* () {
        const at = (path: string) => `/client/sleeper/${path}?storeId=sleep&via=own`
        const one = yield* other("sleep")
        yield* one.push(events(0, 1))
        yield* ask(at("follow"))
        const has = (state: object) =>
          until(ask(at("state")), (answer) => expect(answer).toMatchObject(state))
        const head = yield* untilCalled([at("state")], 1, (event) => one.push(event))
        yield* (yield* RpcServer).restart
        const again = yield* other("sleep")
        yield* again.push(events(head, head + 1))
        yield* has({ received: [], calls: 1 })
        yield* again.push(events(head + 1, head + 3))
        yield* ask(at("follow"))
        yield* has({ received: range(0, head + 3), calls: 1 })
        yield* again.push(events(head + 3, head + 4))
        yield* has({ received: range(0, head + 4) })
      }).pipe(Effect.provide(leader))
  )
})
