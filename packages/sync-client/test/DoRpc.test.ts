import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import { describe, expect, it } from "@effect/vitest"
import { DoRpcMessage } from "@tidelog/sync-protocol"
import * as DoRpcCodec from "@tidelog/sync-protocol/DoRpcCodec"
import { Effect, Exit, Fiber, Layer, Option, Scope } from "effect"
import { handleSyncUpdateRpc, makeDoRpcSync } from "../src/DoRpc.ts"
import { makeBackend, makeObject, makeRpcClient } from "./TestBackend.ts"
import { advance, events, follow, halfway, page, pageOf, settle } from "./TestSocket.ts"

const { PING, PULL, PUSH } = DoRpcMessage

describe("DoRpc", () => {
  it.scoped("[CLIENT-26] each request is a call; a live pull names its object", () =>
    Effect.gen(function* () {
      const { backend, client, update } = yield* makeRpcClient({ payload: { authToken: "ok é" } })
      const claims = { storeId: "store", payload: { authToken: "ok é" } }
      expect(backend.all(PING)[0]?.frame.payload).toEqual(claims)
      const { pulled } = yield* follow(client)
      expect(backend.open(PULL).frame.payload).toMatchObject({
        ...claims,
        rpcContext: { callerContext: { bindingName: "STORE_DO", durableObjectId: "0123" } }
      })
      backend.open(PULL).pages("live", page(0, 2, 2), page(2, 4))
      yield* settle
      const pushing = yield* Effect.fork(
        client.push(events(4, 6), { backendId: Option.some("backend-1") })
      )
      yield* settle
      const push = backend.open(PUSH)
      expect(push.frame.payload).toMatchObject({ ...claims, batch: events(4, 6) })
      push.frames(push.succeeded({}))
      yield* Fiber.join(pushing)
      yield* settle
      // It is told what it has pushed.
      expect(backend.all(PULL)).toHaveLength(1)
      expect(yield* update("live", page(4, 6))).toBe(true)
      expect(pulled).toEqual([1, 2, 3, 4, 5, 6])
      expect(yield* client.status.get).toMatchObject({
        _tag: "Online",
        transport: "do-rpc",
        unconfirmed: 0
      })
    })
  )

  it.scoped("[CLIENT-26] a pull that is not live names nobody, and ends", () =>
    Effect.gen(function* () {
      const { backend, client, update } = yield* makeRpcClient()
      const { pulled, pulling } = yield* follow(client, false)
      expect(backend.open(PULL).frame.payload).not.toHaveProperty("rpcContext")
      backend.open(PULL).pages("once", page(0, 3))
      yield* Fiber.join(pulling)
      expect(pulled).toEqual([1, 2, 3])
      expect(yield* update("once", page(3, 4))).toBe(false)
    })
  )

  it.scoped("[CLIENT-26] an answer may be cut and joined anywhere", () =>
    Effect.gen(function* () {
      const { backend, client } = yield* makeRpcClient()
      const { pulled, pulling } = yield* follow(client, false)
      const call = backend.open(PULL)
      const frames = [call.chunk("x", page(0, 2, 2)), call.chunk("x", page(2, 4)), call.succeeded()]
      const bytes = frames.flatMap((frame) => Array.from(call.bytes(frame)))
      for (let from = 0; from < bytes.length; from += 7) {
        call.write(Uint8Array.from(bytes.slice(from, from + 7)))
      }
      call.end()
      yield* settle
      yield* Fiber.join(pulling)
      expect(pulled).toEqual([1, 2, 3, 4])
    })
  )

  it.scoped("[CLIENT-26] what comes before the answer has ended is not missed", () =>
    Effect.gen(function* () {
      const { backend, client, update } = yield* makeRpcClient()
      const { pulled } = yield* follow(client)
      const call = backend.open(PULL)
      call.write(call.bytes(call.chunk("early", page(0, 2, 2))))
      yield* settle
      // Ahead of the backlog: it comes again.
      expect(yield* update("early", page(4, 5))).toBe(true)
      call.write(call.bytes(call.succeeded()))
      call.end()
      yield* settle
      const rest = backend.open(PULL)
      expect(rest.from).toBe(2)
      rest.pages("early", page(2, 5))
      yield* settle
      expect(yield* update("early", page(4, 5))).toBe(true)
      expect(yield* update("early", page(5, 6))).toBe(true)
      expect(pulled).toEqual([1, 2, 3, 4, 5, 6])
      yield* advance("1 minute")
      expect(backend.open(PULL).from).toBe(6)
    })
  )

  it.scoped("[CLIENT-26] nor what comes under the call's own id, before that tells a name", () =>
    Effect.gen(function* () {
      const { backend, client, update } = yield* makeRpcClient({ readsTexts: false })
      const { pulled } = yield* follow(client)
      backend.open(PULL).pages("live", page(0, 1))
      yield* settle
      yield* advance("1 minute")
      const again = backend.open(PULL)
      expect(yield* update(again.frame.id, page(1, 2))).toBe(true)
      expect(pulled).toEqual([1, 2])
    })
  )

  it.scoped("[CLIENT-26][CLIENT-4] a page that leaves a gap makes it pull from before that", () =>
    Effect.gen(function* () {
      const { backend, client, update } = yield* makeRpcClient()
      const { pulled } = yield* follow(client)
      backend.open(PULL).pages("live", page(0, 2))
      yield* settle
      yield* update("live", page(3, 4))
      expect(pulled).toEqual([1, 2])
      const again = backend.open(PULL)
      expect(again.from).toBe(2)
      again.pages("again", page(2, 4))
      yield* settle
      expect(pulled).toEqual([1, 2, 3, 4])
      expect(yield* update("live", page(4, 5))).toBe(false)
      expect(yield* update("again", page(4, 5))).toBe(true)
      expect(pulled).toEqual([1, 2, 3, 4, 5])
    })
  )

  it.scoped("[CLIENT-26] it asks again each minute, under another name, and never pings", () =>
    Effect.gen(function* () {
      const { backend, client, update } = yield* makeRpcClient()
      const { pulled } = yield* follow(client)
      backend.open(PULL).pages("first", page(0, 2))
      yield* settle
      yield* advance(59_999)
      expect(backend.all(PULL)).toHaveLength(1)
      yield* advance(1)
      const second = backend.open(PULL)
      expect(second.from).toBe(2)
      // Until there is an answer it is told under the old one.
      expect(yield* update("first", page(2, 3))).toBe(true)
      second.pages("second", page(2, 4))
      yield* settle
      expect(yield* update("first", page(4, 5))).toBe(false)
      expect(yield* update("second", page(4, 5))).toBe(true)
      expect(pulled).toEqual([1, 2, 3, 4, 5])
      yield* advance("1 minute")
      const third = backend.open(PULL)
      // What is told while an answer is on its way counts, though the answer ends before it.
      yield* update("second", page(5, 7))
      third.pages("third", page(5, 6))
      yield* advance("1 minute")
      expect(backend.open(PULL).from).toBe(7)
      expect(pulled).toEqual([1, 2, 3, 4, 5, 6, 7])
      expect(backend.all(PING)).toHaveLength(1)
      const ids = backend.calls.map(({ frame }) => frame.id)
      expect(new Set(ids).size).toBe(ids.length)
    })
  )

  it.scoped("[CLIENT-26] as often as it is told", () =>
    Effect.gen(function* () {
      const { backend, client } = yield* makeRpcClient({ checkInterval: "5 minutes" })
      yield* follow(client)
      backend.open(PULL).pages("live", page(0, 2))
      yield* settle
      yield* advance(299_999)
      expect(backend.all(PULL)).toHaveLength(1)
      yield* advance(1)
      expect(backend.open(PULL).from).toBe(2)
    })
  )

  it.scoped("[CLIENT-26] a call that fails, or breaks off, is made again by a new stub", () =>
    Effect.gen(function* () {
      const { backend, client, update } = yield* makeRpcClient()
      const { pulled } = yield* follow(client)
      const broken = backend.open(PULL)
      broken.write(broken.bytes(broken.chunk("broken", page(0, 2))))
      yield* settle
      broken.end()
      yield* settle
      expect(yield* update("broken", page(2, 3))).toBe(false)
      yield* advance("5 seconds")
      expect(backend.open(PULL).from).toBe(2)
      backend.open(PULL).fail(new Error("the object was reset: secret"))
      yield* settle
      yield* advance("5 seconds")
      const pushing = yield* Effect.fork(
        client.push(events(4, 5), { backendId: Option.some("backend-1") })
      )
      yield* settle
      backend.open(PUSH).fail(new Error("the object was reset: secret"))
      yield* settle
      yield* advance("5 seconds")
      const push = backend.open(PUSH)
      push.frames(push.succeeded({}))
      yield* Fiber.join(pushing)
      const call = backend.open(PULL)
      call.pages("whole", page(2, 5))
      yield* settle
      expect(pulled).toEqual([1, 2, 3, 4, 5])
      expect(backend.stubs()).toBe(backend.calls.length)
      expect(JSON.stringify(yield* client.status.get)).not.toContain("secret")
    }).pipe(halfway)
  )

  it.scoped("[CLIENT-26][CLIENT-1] a backend that is down is asked again, ever later", () =>
    Effect.gen(function* () {
      const { backend, client } = yield* makeRpcClient()
      yield* follow(client)
      backend.isDown = true
      backend.open(PULL).fail(new Error("down"))
      yield* advance("1 minute")
      const tries = backend.all(PING).length
      expect(tries).toBeGreaterThan(4)
      expect(tries).toBeLessThan(12)
      expect(yield* client.isConnected.get).toBe(false)
      backend.isDown = false
      yield* advance("30 seconds")
      backend.open(PULL).pages("up", page(0, 1))
      yield* settle
      expect(yield* client.isConnected.get).toBe(true)
    }).pipe(halfway)
  )

  it.scoped("[CLIENT-26][CLIENT-6] who is not let in is refused, as over a WebSocket", () =>
    Effect.gen(function* () {
      for (const [refusal, code] of [
        ["Unauthorized", 4401],
        ["Forbidden", 4403]
      ] as const) {
        const { backend, client } = yield* makeRpcClient()
        const { pulling } = yield* follow(client)
        const call = backend.open(PULL)
        call.write(call.bytes(call.failed(refusal, "who are you?")))
        yield* settle
        const refused = { _tag: "Refused", code, reason: "who are you?" }
        expect(yield* client.status.get).toMatchObject(refused)
        backend.refusal = refusal
        yield* client.reconnect
        yield* advance("2 seconds")
        expect(yield* client.status.get).toMatchObject(refused)
        backend.refusal = undefined
        yield* client.reconnect
        yield* advance("2 seconds")
        expect(yield* client.status.get).toMatchObject({ _tag: "Online" })
        expect(yield* Fiber.poll(pulling)).toEqual(Option.none())
      }
    })
  )

  it.scoped("[CLIENT-26][CLIENT-18] credentials that end in use are made anew", () =>
    Effect.gen(function* () {
      let made = 0
      const { backend, client } = yield* makeRpcClient({
        payload: () => ({ token: `token-${++made}` })
      })
      const { pulled } = yield* follow(client)
      backend.open(PULL).pages("live", page(0, 2))
      yield* settle
      yield* advance("1 minute")
      const call = backend.open(PULL)
      call.write(call.bytes(call.failed("Unauthorized", "too old")))
      yield* settle
      yield* advance("2 seconds")
      const next = backend.open(PULL)
      expect(next.frame.payload).toMatchObject({ payload: { token: "token-2" } })
      expect(next.from).toBe(2)
      next.pages("live", page(2, 3))
      yield* settle
      expect(pulled).toEqual([1, 2, 3])
      expect(yield* client.status.get).toMatchObject({ _tag: "Online" })
    })
  )

  it.scoped("[CLIENT-26] one that takes 30 s for a part of an answer is left", () =>
    Effect.gen(function* () {
      const { backend, client } = yield* makeRpcClient()
      yield* follow(client)
      backend.open(PULL).pages("live", page(0, 1))
      yield* settle
      yield* advance("1 minute")
      const stuck = backend.open(PULL)
      stuck.write(stuck.bytes(stuck.chunk("stuck", page(1, 2))))
      yield* settle
      yield* advance("30 seconds")
      expect([stuck.isCancelled, stuck.isLeft]).toEqual([true, true])
      yield* advance("1 second")
      expect(backend.open(PULL).from).toBe(2)
    }).pipe(halfway)
  )

  it.scoped("[CLIENT-26] what is no answer ends the connection", () =>
    Effect.gen(function* () {
      const { backend, client } = yield* makeRpcClient()
      yield* follow(client)
      for (const answer of [
        Uint8Array.of(0xd4, 0x50, 0),
        DoRpcCodec.write("hello", { inText: false })
      ]) {
        const call = backend.open(PULL)
        call.write(answer)
        call.end()
        yield* settle
        yield* advance("10 seconds")
      }
      backend.open(PULL).frames({})
      yield* settle
      yield* advance("10 seconds")
      backend.open(PULL).pages("live", page(0, 1))
      yield* advance("1 second")
      expect(yield* client.status.get).toMatchObject({ _tag: "Online", confirmed: 1 })
    }).pipe(halfway)
  )

  it.scoped("[CLIENT-26][CLIENT-19] with its client all is over, and nobody waits", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { backend, client, update } = yield* Scope.extend(makeRpcClient(), scope)
      yield* Scope.extend(follow(client), scope)
      const call = backend.open(PULL)
      call.write(call.bytes(call.chunk("over", page(0, 2))))
      yield* settle
      expect(yield* update("over", page(2, 3))).toBe(true)
      yield* Scope.close(scope, Exit.void)
      yield* settle
      expect([call.isCancelled, call.isLeft]).toEqual([true, true])
      expect(yield* update("over", page(3, 4))).toBe(false)
      const before = backend.calls.length
      yield* advance("10 minutes")
      expect(backend.calls).toHaveLength(before)
    })
  )

  it.scoped("[CLIENT-26] an answer that cannot be read as JSON ends the connection, too", () =>
    Effect.gen(function* () {
      const { backend, client } = yield* makeRpcClient({ readsTexts: false })
      const { pulled } = yield* follow(client)
      const call = backend.open(PULL)
      call.write(DoRpcCodec.write({ _tag: "Chunk", values: [10n ** 18n] }, { inText: false }))
      call.end()
      yield* settle
      yield* advance("5 seconds")
      backend.open(PULL).pages("live", page(0, 1))
      yield* settle
      expect(pulled).toEqual([1])
    })
  )

  it.scoped("[CLIENT-26] a page of another log is not taken, and makes it ask", () =>
    Effect.gen(function* () {
      const { backend, client, update } = yield* makeRpcClient()
      const { pulled, pulling } = yield* follow(client)
      backend.open(PULL).pages("live", page(0, 0))
      yield* settle
      expect(yield* update("live", { ...page(0, 1), backendId: "of-another-store" })).toBe(false)
      backend.open(PULL).pages("again", page(0, 2))
      yield* settle
      expect(pulled).toEqual([1, 2])
      expect(yield* Fiber.poll(pulling)).toEqual(Option.none())
    })
  )

  it.scoped("[CLIENT-26] what an object is called with is for its present life alone", () =>
    Effect.gen(function* () {
      const former = yield* makeRpcClient()
      const { pulled } = yield* follow(former.client)
      former.backend.open(PULL).pages("live", page(0, 1))
      yield* settle
      const present = yield* makeRpcClient()
      expect(yield* present.update("live", page(1, 2))).toBe(false)
      yield* follow(present.client)
      present.backend.open(PULL).pages("live", page(0, 1))
      yield* settle
      expect(yield* present.update("live", page(1, 2))).toBe(true)
      expect(pulled).toEqual([1])
    })
  )

  it.scoped("[CLIENT-26] all pages of a call are taken", () =>
    Effect.gen(function* () {
      const { backend, client, ctx } = yield* makeRpcClient()
      const { pulled } = yield* follow(client)
      const call = backend.open(PULL)
      call.pages("live", page(0, 1))
      yield* settle
      const { values } = call.chunk("live", page(1, 2), page(2, 3))
      yield* Effect.promise(() => handleSyncUpdateRpc({ requestId: "live", values }, ctx))
      yield* settle
      expect(pulled).toEqual([1, 2, 3])
    })
  )

  it.scoped("[CLIENT-26] what passes ends the connection of a pull, and not the pull", () =>
    Effect.gen(function* () {
      for (const live of [true, false]) {
        for (const refusal of ["StorageUnavailable", "RateLimited"]) {
          const { backend, client } = yield* makeRpcClient()
          const { pulled } = yield* follow(client, live)
          const call = backend.open(PULL)
          call.write(call.bytes(call.failed(refusal, "just now")))
          call.end()
          yield* settle
          expect((yield* client.status.get).pullRejected).toBeUndefined()
          yield* advance("5 seconds")
          backend.open(PULL).pages("live", page(0, 1))
          yield* settle
          expect(pulled).toEqual([1])
        }
      }
    }).pipe(halfway)
  )

  it.scoped("[CLIENT-26] a push that is put off has its answer", () =>
    Effect.gen(function* () {
      const { backend, client } = yield* makeRpcClient()
      const pushing = yield* Effect.fork(
        Effect.flip(client.push(events(0, 1), { backendId: Option.none() }))
      )
      yield* settle
      const push = backend.open(PUSH)
      push.frames(push.failed("StorageUnavailable", "just now"))
      expect(yield* Fiber.join(pushing)).toMatchObject({ _tag: "UnknownError" })
      expect(yield* client.status.get).toMatchObject({ _tag: "Online" })
    })
  )

  const half = events(0, 3).map((event, index) => ({
    ...event,
    args: { text: index === 1 ? "abc😀".slice(0, 4) : String.raw`😀 \\ud83d` }
  }))

  it.scoped("[CLIENT-26][RPC-8] half a surrogate pair is carried in texts", () =>
    Effect.gen(function* () {
      const { backend, client, update } = yield* makeRpcClient()
      const { events: pulled } = yield* follow(client)
      backend.open(PULL).pages("live", page(0, 0))
      yield* settle
      const pushing = yield* Effect.fork(client.push(half, { backendId: Option.none() }))
      yield* settle
      const push = backend.open(PUSH)
      expect(push.frame.payload).toMatchObject({ batch: half })
      push.frames(push.succeeded({}))
      yield* Fiber.join(pushing)
      expect(yield* update("live", pageOf(half))).toBe(true)
      expect(pulled).toEqual(half)
    })
  )

  it.scoped("[CLIENT-26][CLIENT-14] and refused, by name, where it would be changed", () =>
    Effect.gen(function* () {
      const { backend, client } = yield* makeRpcClient({ readsTexts: false })
      const pushing = yield* Effect.fork(client.push(half, { backendId: Option.none() }))
      yield* settle
      const first = backend.open(PUSH)
      expect(first.frame.payload).toMatchObject({ batch: half.slice(0, 1) })
      first.frames(first.succeeded({}))
      yield* advance("1 second")
      expect(yield* Fiber.await(pushing)).toMatchObject({ _tag: "Failure" })
      expect(yield* client.status.get).toMatchObject({
        rejected: { seqNum: 2, reason: expect.stringContaining("half a surrogate pair") }
      })
      expect(backend.all(PUSH)).toHaveLength(1)
    })
  )

  it.scoped("[CLIENT-26] as a backend of LiveStore's, which it pings once and no more", () =>
    Effect.gen(function* () {
      const backend = makeBackend(true)
      const made = yield* makeDoRpcSync({
        syncBackendStub: backend.stub,
        durableObject: { ctx: makeObject(), bindingName: "STORE_DO" },
        broadcastStatus: false
      })({ storeId: "store", clientId: "client", payload: undefined }).pipe(
        Effect.provide(Layer.merge(KeyValueStore.layerMemory, FetchHttpClient.layer))
      )
      yield* Effect.fork(made.connect)
      yield* advance("1 hour")
      expect(yield* made.isConnected.get).toBe(true)
      expect(backend.all(PING)).toHaveLength(1)
    })
  )

  it.effect("[CLIENT-26] what is no update is nobody's", () =>
    Effect.gen(function* () {
      for (const payload of [undefined, null, "", {}, { requestId: "x", values: [] }]) {
        expect(yield* Effect.promise(() => handleSyncUpdateRpc(payload, makeObject()))).toBe(false)
      }
    })
  )
})
