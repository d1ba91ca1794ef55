import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import { describe, expect, it } from "@effect/vitest"
import type { SyncBackend } from "@livestore/common"
import { EventSequenceNumber } from "@livestore/common/schema"
import type { Message } from "@tidelog/sync-protocol"
import { Effect, Exit, Fiber, Layer, Option, Stream } from "effect"
import { makeCfSync, type CfSyncOptions } from "../src/index.ts"
import { advance, answer, events, makeServer, page, seqNums, settle } from "./TestSocket.ts"

/** What LiveStore's leader brings. */
const leader = Layer.merge(KeyValueStore.layerMemory, FetchHttpClient.layer)

/** Held to the type that LiveStore asks for. */
const constructor = (
  options: CfSyncOptions
): SyncBackend.SyncBackendConstructor<Message.SyncMetadata> => makeCfSync(options)

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
          const pull = yield* takeAll(backend.pull(Option.none(), { live: true }))
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
        expect(yield* Effect.flip(backend.push(batch(0, 1)))).toMatchObject({
          _tag: "IsOfflineError"
        })
      })
    )

    const mismatch = { _tag: "BackendIdMismatchError", expected: "b2", received: "backend-1" }

    /** A backend with a live pull, and what the app was offered. */
    const following = (onUnconfirmed: CfSyncOptions["onUnconfirmed"]) =>
      Effect.gen(function* () {
        const { backend, server } = yield* makeBackend({ onUnconfirmed })
        const { fiber } = yield* takeAll(backend.pull(Option.none(), { live: true }))
        const socket = yield* answer(server)
        socket.page("1", page(0, 3))
        yield* settle
        return { backend, pulling: fiber, socket }
      })

    /** Pushes as LiveStore's leader does: batch after batch, as soon as one is accepted. */
    const pushAll = (
      backend: SyncBackend.SyncBackend<Message.SyncMetadata>,
      batches: ReadonlyArray<readonly [number, number]>
    ) =>
      Effect.fork(
        Effect.exit(
          Effect.forEach(batches, ([from, to]) => backend.push(batch(from, to)), { discard: true })
        )
      )

    for (const [what, tell] of [
      ["its pull", "1"],
      ["its push", "2"]
    ] as const) {
      it.scoped(
        `[CLIENT-20] ${what} meets another log: first the app has what was never stored`,
        () =>
          Effect.gen(function* () {
            const offered: Array<ReadonlyArray<number>> = []
            let keep = () => {}
            const { backend, pulling, socket } = yield* following((events) => {
              offered.push(events.map(({ seqNum }) => seqNum))
              return new Promise<void>((resolve) => {
                keep = resolve
              })
            })
            const pushing = yield* pushAll(backend, [
              [3, 5],
              [5, 105],
              [105, 106]
            ])
            yield* settle
            expect(socket.pushes).toHaveLength(1)
            socket.fail(tell, mismatch)
            yield* advance("200 millis")
            expect(offered).toEqual([])
            yield* advance("50 millis")
            expect(offered).toEqual([Array.from({ length: 103 }, (_, index) => index + 4)])
            expect(yield* Fiber.join(pushing)).toEqual(Exit.void)
            expect(socket.pushes).toHaveLength(1)
            // LiveStore is told when the app has them.
            expect(yield* Fiber.poll(pulling)).toEqual(Option.none())
            keep()
            yield* settle
            expect(yield* Effect.flip(Fiber.join(pulling))).toMatchObject(mismatch)
          }).pipe(Effect.provide(KeyValueStore.layerMemory))
      )
    }

    it.scoped(
      "[CLIENT-20] nothing to offer, or an app that fails or takes for ever: LiveStore is told",
      () =>
        Effect.gen(function* () {
          let asked = 0
          const apps: ReadonlyArray<CfSyncOptions["onUnconfirmed"]> = [
            () => {
              throw new Error("the app's own")
            },
            () => Promise.reject(new Error("the app's own")),
            () => Effect.fail("the app's own"),
            () => Effect.never
          ]
          for (const onUnconfirmed of apps) {
            const { backend, pulling, socket } = yield* following((events) => {
              asked += 1
              return onUnconfirmed?.(events)
            })
            yield* pushAll(backend, [[3, 5]])
            yield* settle
            socket.fail("1", mismatch)
            yield* advance("11 seconds")
            expect(yield* Effect.flip(Fiber.join(pulling))).toMatchObject(mismatch)
          }
          expect(asked).toBe(4)
          const { pulling, socket } = yield* following(() => {
            asked += 1
          })
          socket.fail("1", mismatch)
          yield* advance("1 second")
          expect(yield* Effect.flip(Fiber.join(pulling))).toMatchObject(mismatch)
          expect(asked).toBe(4)
        }).pipe(Effect.provide(KeyValueStore.layerMemory))
    )

    it.scoped(
      "[CLIENT-20] where nobody pulls the push itself tells, and later ones are pushed as ever",
      () =>
        Effect.gen(function* () {
          const offered: Array<ReadonlyArray<number>> = []
          const { backend, server } = yield* makeBackend({
            onUnconfirmed: (events) => {
              offered.push(events.map(({ seqNum }) => seqNum))
            }
          })
          yield* Effect.fork(backend.connect)
          const socket = yield* answer(server)
          const pushing = yield* pushAll(backend, [[0, 2]])
          yield* settle
          socket.fail("1", mismatch)
          yield* advance("1 second")
          expect(offered).toEqual([[1, 2]])
          expect(yield* Fiber.join(pushing)).toMatchObject({ cause: { error: mismatch } })
          const again = yield* pushAll(backend, [[2, 3]])
          yield* settle
          socket.accepted("2")
          yield* settle
          expect(yield* Fiber.join(again)).toEqual(Exit.void)
          expect(offered).toHaveLength(1)
        }).pipe(Effect.provide(KeyValueStore.layerMemory))
    )
  })
})
