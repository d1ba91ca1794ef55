/**
 * LiveStore's official client on an object of ours that goes out of memory while its sockets stay open.
 */
import { expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { startServer } from "../../../packages/sync-worker/test/support/server.ts"
import { connect, events, follow, leader, range, type Reader, until } from "../src/Side.ts"
import * as UpgradeProxy from "../src/UpgradeProxy.ts"

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
        const reader: Reader = { seqNums: [], caughtUp: -1 }
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
})
