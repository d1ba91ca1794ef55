/**
 * Objects that are LiveStore clients by its own packages (`makeDoRpcSync`, a store by its Cloudflare adapter), on
 * a backend of this project's in the same worker.
 */
import { NodeContext } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import { makeHttpSync } from "@livestore/sync-cf/client"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { RpcServer } from "../src/RpcServer.ts"
import { events, leader } from "../src/Side.ts"

const server = RpcServer.layer.pipe(
  Layer.provide(NodeContext.layer),
  Layer.provide(Logger.remove(Logger.defaultLogger))
)

const range = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => from + index + 1)

/** Asks until the answer is as it is to be. */
const until = <E>(asked: Effect.Effect<unknown, E, RpcServer>, holds: (answer: unknown) => void) =>
  asked.pipe(
    Effect.tap((answer) => Effect.try(() => holds(answer))),
    Effect.retry(Schedule.spaced("100 millis")),
    Effect.timeout("30 seconds")
  )

const ask = (path: string, body?: unknown) =>
  Effect.flatMap(RpcServer, (server) => server.ask(path, body))

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
      // Its pull ends when nothing has come for a while, and then it is called back.
      let head = 13
      yield* until(ask("/client/live/state?storeId=live"), (answer) =>
        expect(answer).toMatchObject({ calls: expect.toSatisfy((calls) => calls > 0) })
      ).pipe(
        Effect.race(
          Effect.suspend(() => {
            head += 1
            return one.push(events(head - 1, head))
          }).pipe(Effect.repeat(Schedule.spaced("1 second")), Effect.zipRight(Effect.never))
        )
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
          `/client/${name}/${path}?storeId=socket&url=${encodeURIComponent(`${url}/sync`)}`
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
      const pulled = yield* Stream.runCollect(
        (yield* other("notes")).pull(Option.none(), { live: false })
      )
      expect([...pulled].flatMap(({ batch }) => batch)).toHaveLength(2)
    }).pipe(Effect.provide(leader))
  )
})
