import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import { describe, expect, it } from "@effect/vitest"
import type { SyncBackend } from "@livestore/common"
import { EventSequenceNumber } from "@livestore/common/schema"
import type { Message } from "@tidelog/sync-protocol"
import { Effect, Fiber, Layer, Option, Stream } from "effect"
import { makeCfSync, makeWsSync, type CfSyncOptions, type SyncStatus } from "../src/index.ts"
import { advance, answer, events, makeServer, page, seqNums, settle } from "./TestSocket.ts"

/** What LiveStore's leader brings. */
const leader = Layer.merge(KeyValueStore.layerMemory, FetchHttpClient.layer)

/** Held to the type that LiveStore asks for. */
const constructor = (
  options: CfSyncOptions
): SyncBackend.SyncBackendConstructor<Message.SyncMetadata> => makeCfSync(options)

/** The call of who comes from LiveStore's own client, held to the same type. */
export const official: SyncBackend.SyncBackendConstructor<Message.SyncMetadata> = makeWsSync({
  url: "wss://sync.example.com"
})

const makeBackend = (options?: Partial<CfSyncOptions>, payload?: { readonly authToken: string }) =>
  Effect.gen(function* () {
    const server = makeServer()
    const make = constructor({ url: "wss://sync.test", webSocket: server.construct, ...options })
    const backend = yield* make({ storeId: "store", clientId: "client", payload })
    return { backend, server }
  })

const someCursor = (seqNum: number) =>
  Option.some({
    eventSequenceNumber: EventSequenceNumber.Global.make(seqNum),
    metadata: Option.none<Message.SyncMetadata>()
  })

const timedCursor = (seqNum: number, createdAt: string) =>
  Option.some({
    eventSequenceNumber: EventSequenceNumber.Global.make(seqNum),
    metadata: Option.some({ _tag: "SyncMessage.SyncMetadata" as const, createdAt })
  })

const batch = (from: number, to: number) =>
  events(from, to).map((event) => ({
    ...event,
    args: event.args,
    seqNum: EventSequenceNumber.Global.make(event.seqNum),
    parentSeqNum: EventSequenceNumber.Global.make(event.parentSeqNum)
  }))

const takeAll = <A, E>(stream: Stream.Stream<A, E>) =>
  Effect.gen(function* () {
    const items: Array<A> = []
    const fiber = yield* stream.pipe(
      Stream.runForEach((item) => Effect.sync(() => items.push(item))),
      Effect.fork
    )
    yield* settle
    return { fiber, items }
  })

describe("LiveStore", () => {
  it.layer(leader)((it) => {
    it.scoped("is made and connects without a network, and never fails for it", () =>
      Effect.gen(function* () {
        const { backend, server } = yield* makeBackend()
        expect(yield* backend.isConnected).toBe(false)
        const connecting = yield* Effect.fork(backend.connect)
        yield* settle
        server.latest.hangUp()
        yield* advance("10 seconds")
        expect(yield* Fiber.join(connecting)).toBeUndefined()
        expect(yield* backend.isConnected).toBe(false)
        expect(backend.metadata.name).not.toBe("")
        expect(backend.metadata.description).not.toBe("")
      })
    )

    it.scoped("connects with what LiveStore passes as payload", () =>
      Effect.gen(function* () {
        const { backend, server } = yield* makeBackend({}, { authToken: "ok" })
        const connecting = yield* Effect.fork(backend.connect)
        const socket = yield* answer(server)
        yield* Fiber.join(connecting)
        expect(yield* backend.isConnected).toBe(true)
        expect(new URL(socket.url).searchParams.get("payload")).toBe(
          encodeURIComponent(`{"authToken":"ok"}`)
        )
        yield* backend.ping
      })
    )

    it.scoped("tells a status once, as long as nothing changes", () =>
      Effect.gen(function* () {
        const told: Array<SyncStatus.SyncStatus> = []
        const { backend } = yield* makeBackend({ onStatus: (status) => told.push(status) })
        yield* advance("1 minute")
        expect(told.map(({ _tag }) => _tag)).toEqual(["Idle"])
        yield* Effect.fork(backend.connect)
        yield* advance("1 second")
        expect(told.map(({ _tag }) => _tag)).toEqual(["Idle", "Connecting"])
      })
    )

    it.scoped("takes a layer for its WebSockets", () =>
      Effect.gen(function* () {
        const server = makeServer()
        const { backend } = yield* makeBackend({ webSocket: server.layer })
        yield* Effect.fork(backend.connect)
        yield* settle
        expect(server.sockets.length).toBe(1)
      })
    )

    it.scoped("a URL that is none fails the boot, as LiveStore's error", () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(makeBackend({ url: "nowhere" }, { authToken: "secret" }))
        expect(error).toMatchObject({ _tag: "UnknownError", cause: { _tag: "InvalidOptions" } })
        expect(JSON.stringify(error)).not.toContain("secret")
      })
    )

    it.scoped(
      "[CLIENT-12] says when the event was accepted that LiveStore's cursor stands on",
      () =>
        Effect.gen(function* () {
          const { backend, server } = yield* makeBackend()
          const first = yield* takeAll(backend.pull(Option.none(), { live: true }))
          const socket = yield* answer(server)
          socket.page("1", page(0, 2))
          yield* settle
          yield* Fiber.interrupt(first.fiber)
          yield* takeAll(backend.pull(timedCursor(2, "then"), { live: true }))
          expect(socket.pulls[1]?.cursor).toEqual(
            Option.some({ backendId: "backend-1", eventSequenceNumber: 2, createdAt: "then" })
          )
        })
    )

    it.scoped("keeps the backendId before LiveStore has the events, and uses it from then on", () =>
      Effect.gen(function* () {
        const { backend, server } = yield* makeBackend()
        const live = yield* takeAll(backend.pull(Option.none(), { live: true }))
        const socket = yield* answer(server)
        expect(socket.pulls).toMatchObject([{ live: true, cursor: Option.none() }])
        socket.page("1", page(0, 2))
        yield* settle
        expect(live.items.map((_) => [seqNums(_), _.pageInfo._tag])).toEqual([[[1, 2], "NoMore"]])
        expect(
          yield* KeyValueStore.KeyValueStore.pipe(Effect.flatMap((_) => _.get("backendId")))
        ).toEqual(Option.some("backend-1"))
        const past = yield* takeAll(backend.pull(someCursor(1), { live: false }))
        expect(socket.pulls[1]).toMatchObject({
          live: false,
          cursor: Option.some({ backendId: "backend-1", eventSequenceNumber: 1 })
        })
        socket.page("2", page(1, 2))
        socket.say({ _tag: "Exit", requestId: "2", exit: { _tag: "Success" } })
        yield* settle
        expect(yield* Fiber.join(past.fiber)).toBeUndefined()
        expect(past.items.flatMap(seqNums)).toEqual([2])
        const pushing = yield* Effect.fork(backend.push(batch(2, 4)))
        yield* settle
        expect(socket.pushes).toMatchObject([
          { batch: events(2, 4), backendId: Option.some("backend-1") }
        ])
        socket.accepted("3")
        yield* settle
        expect(yield* Fiber.join(pushing)).toBeUndefined()
      }).pipe(Effect.provide(KeyValueStore.layerMemory))
    )

    it.scoped("[CLIENT-10] with a head but no backendId it pulls from the start", () =>
      Effect.gen(function* () {
        const { backend, server } = yield* makeBackend()
        const { items } = yield* takeAll(backend.pull(someCursor(2), { live: true }))
        const socket = yield* answer(server)
        expect(socket.pulls[0]?.cursor).toEqual(Option.none())
        socket.page("1", page(0, 4))
        yield* settle
        expect(items.flatMap(seqNums)).toEqual([3, 4])
      }).pipe(Effect.provide(KeyValueStore.layerMemory))
    )

    it.scoped("[CLIENT-4] what LiveStore is told about a pull", () =>
      Effect.gen(function* () {
        const { backend, server } = yield* makeBackend()
        const first = yield* takeAll(backend.pull(Option.none(), { live: true }))
        const socket = yield* answer(server)
        socket.page("1", page(0, 2, 3))
        yield* settle
        socket.hangUp()
        yield* settle
        expect(yield* Effect.flip(Fiber.join(first.fiber))).toMatchObject({
          _tag: "IsOfflineError"
        })

        const cause = { name: "PullRejected", message: "not for you" }
        const answers = [
          [
            { _tag: "BackendIdMismatchError", expected: "b2", received: "b1" },
            {
              _tag: "BackendIdMismatchError",
              expected: "b2",
              received: "b1"
            }
          ],
          [
            { _tag: "UnknownError", cause },
            { _tag: "UnknownError", cause }
          ],
          [{ _tag: "UnknownError", cause: { message: "x" } }, { _tag: "UnknownError" }]
        ] as const
        yield* advance("1 second")
        const second = yield* answer(server)
        for (const [answer, error] of answers) {
          // A live one waits (CLIENT-25), but for another log.
          const live = error._tag === "BackendIdMismatchError"
          const pull = yield* takeAll(backend.pull(Option.none(), { live }))
          second.fail(second.pulls.at(-1)?.id ?? "", answer)
          yield* settle
          expect(yield* Effect.flip(Fiber.join(pull.fiber))).toMatchObject(error)
        }
      }).pipe(Effect.provide(KeyValueStore.layerMemory))
    )

    it.scoped("[CLIENT-6] [CLIENT-9] what LiveStore is told about a push", () =>
      Effect.gen(function* () {
        const { backend, server } = yield* makeBackend()
        yield* Effect.fork(backend.connect)
        const socket = yield* answer(server)
        const answers = [
          { _tag: "ServerAheadError", minimumExpectedNum: 4, providedNum: 0 },
          { _tag: "BackendIdMismatchError", expected: "b2", received: "b1" },
          { _tag: "UnknownError", cause: { name: "PushRejected", message: "no" } }
        ]
        for (const answer of answers) {
          const pushing = yield* Effect.fork(Effect.flip(backend.push(batch(0, 1))))
          yield* settle
          socket.fail(socket.pushes.at(-1)?.id ?? "", answer)
          yield* settle
          expect(yield* Fiber.join(pushing)).toMatchObject(answer)
        }
        const large = batch(0, 1).map((event) => ({ ...event, args: "x".repeat(2_000_000) }))
        expect(yield* Effect.flip(backend.push(large))).toMatchObject({
          _tag: "UnknownError",
          cause: { _tag: "EventTooLarge", seqNum: 1 }
        })
        socket.hangUp(4401, "who are you?")
        yield* settle
        // LiveStore would come back in up to 30 s, though it may go on any moment.
        const waiting = yield* Effect.fork(backend.push(batch(0, 1)))
        yield* advance("5 minutes")
        expect(yield* Fiber.poll(waiting)).toEqual(Option.none())
      })
    )
  })
})
