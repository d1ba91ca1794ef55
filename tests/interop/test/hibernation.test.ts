/**
 * LiveStore's official client on an object of ours that goes out of memory while its sockets stay open.
 */
import { expect, layer } from "@effect/vitest"
import * as UpgradeProxy from "@tidelog/e2e/src/UpgradeProxy.ts"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { startServer } from "../../../packages/sync-worker/test/support/server.ts"
import { connect, events, follow, leader, newReader, range, readAfter, until } from "../src/Side.ts"

const { evict, url } = await startServer("./limitedWorker.ts")

const port = Number(new URL(url).port)

/** How often a store's object came into memory. To ask does not wake it. */
const instancesOf = (storeId: string) =>
  Effect.promise(async () => {
    const counts = await (await fetch(new URL(`/counts?storeId=${storeId}`, url))).json()
    return Number(Object(counts).instances)
  })

layer(Layer.empty, { excludeTestServices: true })("hibernation", (it) => {
  it.scoped(
    "[PULL-9] the official client's live pull and its pushes go on, on the same socket",
    () =>
      Effect.gen(function* () {
        const storeId = "asleep"
        const proxy = yield* UpgradeProxy.make(port)
        const official = yield* connect("official", proxy, storeId).pipe(Effect.provide(leader))
        const other = yield* connect("tidelog", { port }, storeId).pipe(Effect.provide(leader))
        const reader = newReader()
        const following = yield* follow(official, reader)
        yield* official.push(events(0, 2))
        yield* until(() => reader.seqNums.length === 2)

        yield* Effect.promise(() => evict(storeId))
        yield* other.push(events(2, 4))
        yield* until(() => reader.seqNums.length >= 4)
        expect(yield* instancesOf(storeId)).toBe(2)

        // It wakes the object itself, too, and hears of its own events.
        yield* Effect.promise(() => evict(storeId))
        yield* official.push(events(4, 5))
        yield* until(() => reader.seqNums.length >= 5)
        expect(yield* instancesOf(storeId)).toBe(3)

        expect(reader.seqNums).toEqual(range(0, 5))
        expect(proxy.upgrades()).toBe(1)
        expect(Option.isNone(yield* Fiber.poll(following))).toBe(true)
      })
  )

  it.scoped(
    "[HAND-6] a socket that has slept is in no other store, whatever its frame claims",
    () =>
      Effect.gen(function* () {
        const theirs = yield* connect("tidelog", { port }, "theirs").pipe(Effect.provide(leader))
        yield* theirs.push(events(0, 2))
        const said: Array<string> = []
        const socket = yield* Effect.acquireRelease(
          Effect.sync(
            () => new WebSocket(`${url.replace("http", "ws")}websocket?storeId=mine&transport=ws`)
          ),
          (open) => Effect.sync(() => open.close())
        )
        socket.addEventListener("message", ({ data }) => said.push(String(data)))
        yield* until(() => socket.readyState === WebSocket.OPEN)
        const ask = (id: string, tag: string, payload: object) => {
          socket.send(JSON.stringify({ _tag: "Request", id, tag, payload, headers: [] }))
          return until(() => said.length === Number(id))
        }
        const pull = { live: true, cursor: { _tag: "None" } }
        yield* ask("1", "SyncWsRpc.Pull", { ...pull, storeId: "mine" })
        yield* Effect.promise(() => evict("mine"))
        // The official backend serves the store that the first frame after its sleep names.
        yield* ask("2", "SyncWsRpc.Pull", { ...pull, storeId: "theirs" })
        const batch = events(2, 3)
        yield* ask("3", "SyncWsRpc.Push", {
          storeId: "theirs",
          batch,
          backendId: { _tag: "None" }
        })
        const [, pulled, pushed] = said
        for (const answer of [pulled, pushed]) expect(answer).toContain("StoreMismatch")
        expect(yield* instancesOf("mine")).toBe(2)
        expect(yield* readAfter(theirs, 0)).toEqual(events(0, 2))
      })
  )
})
