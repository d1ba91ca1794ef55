/**
 * Either side may be exchanged for the official one: the same work, by each client on each server. That the
 * official client gets along with its own server is not held here.
 */
import { NodeContext } from "@effect/platform-node"
import { describe, expect, layer } from "@effect/vitest"
import { EventSequenceNumber } from "@livestore/common/schema"
import { start } from "@tidelog/benchmarks/src/BenchServer.ts"
import type { BenchServer } from "@tidelog/benchmarks/src/BenchServer.ts"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { type ClientName, connect, events, follow, leader, type Reader } from "../src/Side.ts"

class Servers extends Context.Tag("test/Servers")<
  Servers,
  Readonly<Record<"official" | "tidelog", BenchServer>>
>() {}

const servers = Layer.scoped(
  Servers,
  Effect.all({ official: start("official"), tidelog: start("tidelog") }, { concurrency: 2 })
).pipe(Layer.provide(NodeContext.layer), Layer.provide(Logger.remove(Logger.defaultLogger)))

const range = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => from + index + 1)

const SEQ_NUM_1 = EventSequenceNumber.Global.make(1)

const newReader = (): Reader => ({ seqNums: [], caughtUp: -1 })

/** Waits until something holds, for as long as a connection may take to come back. */
const until = (holds: () => boolean) =>
  Effect.suspend(() => (holds() ? Effect.void : Effect.fail("not yet"))).pipe(
    Effect.retry(Schedule.spaced("20 millis")),
    Effect.timeout("60 seconds")
  )

/** All that there is, page by page. */
const readAll = (backend: Effect.Effect.Success<ReturnType<typeof connect>>) =>
  Stream.runCollect(backend.pull(Option.none(), { live: false })).pipe(
    Effect.map((pages) => [...pages].flatMap(({ batch }) => batch))
  )

const pairs: ReadonlyArray<readonly [ClientName, "official" | "tidelog"]> = [
  ["official", "tidelog"],
  ["official HTTP", "tidelog"],
  ["tidelog", "official"],
  ["tidelog", "tidelog"],
  ["tidelog HTTP", "official"],
  ["tidelog HTTP", "tidelog"]
]

layer(servers, { excludeTestServices: true, timeout: "60 seconds" })("interop", (it) => {
  for (const [client, serverName] of pairs) {
    describe(`the ${client} client on the ${serverName} server`, () => {
      const connectTo = (storeId: string) =>
        Effect.flatMap(Servers, (servers) =>
          connect(client, servers[serverName], `${client.replace(" ", "_")}_${storeId}`)
        )

      it.scoped("pushes, pulls, and follows what others push", () =>
        Effect.gen(function* () {
          const one = yield* connectTo("basic")
          const other = yield* connectTo("basic")
          yield* one.push(events(0, 3))
          const stored = yield* readAll(other)
          expect(stored.map(({ eventEncoded }) => eventEncoded)).toEqual(events(0, 3))
          const reader = newReader()
          yield* follow(other, reader)
          yield* until(() => reader.caughtUp === 3)
          yield* one.push(events(3, 5))
          yield* one.push(events(5, 6))
          yield* until(() => reader.seqNums.length >= 6)
          expect(reader.seqNums).toEqual(range(0, 6))
        }).pipe(Effect.provide(leader))
      )

      it.scoped("is told that it is behind, and goes on from there", () =>
        Effect.gen(function* () {
          const one = yield* connectTo("behind")
          const other = yield* connectTo("behind")
          const reader = newReader()
          yield* follow(other, reader)
          yield* one.push(events(0, 2))
          yield* until(() => reader.seqNums.length >= 2)
          const error = yield* Effect.flip(other.push(events(0, 1, { text: "another" })))
          expect(error).toMatchObject({ _tag: "ServerAheadError" })
          yield* other.push(events(2, 3))
          yield* until(() => reader.seqNums.length >= 3)
          expect(reader.seqNums).toEqual(range(0, 3))
        }).pipe(Effect.provide(leader))
      )

      it.scoped("pulls 60 events of 120 kB", () =>
        Effect.gen(function* () {
          const backend = yield* connectTo("large")
          const args = { text: "x".repeat(120_000) }
          for (let from = 0; from < 60; from += 5) yield* backend.push(events(from, from + 5, args))
          const reader = newReader()
          yield* follow(yield* connectTo("large"), reader)
          yield* until(() => reader.caughtUp === 60)
          expect(reader.seqNums).toEqual(range(0, 60))
        }).pipe(Effect.provide(leader))
      )

      it.scoped("pulls 10,000 events, with some pushed meanwhile", () =>
        Effect.gen(function* () {
          const backend = yield* connectTo("long")
          for (let from = 0; from < 10_000; from += 100) {
            yield* backend.push(events(from, from + 100, { n: from }))
          }
          const reader = newReader()
          yield* follow(yield* connectTo("long"), reader)
          yield* backend.push(events(10_000, 10_010))
          yield* until(() => reader.seqNums.length >= 10_010)
          expect(reader.seqNums).toEqual(range(0, 10_010))
        }).pipe(Effect.provide(leader))
      )

      it.scoped("has two pulls at a time, as devtools do", () =>
        Effect.gen(function* () {
          const backend = yield* connectTo("two")
          const readers = [newReader(), newReader()]
          yield* backend.push(events(0, 2))
          for (const reader of readers) yield* follow(backend, reader)
          yield* until(() => readers.every(({ caughtUp }) => caughtUp === 2))
          yield* backend.push(events(2, 4))
          yield* until(() => readers.every(({ seqNums }) => seqNums.length >= 4))
          for (const { seqNums } of readers) expect(seqNums).toEqual(range(0, 4))
        }).pipe(Effect.provide(leader))
      )

      it.scoped("is told that the log is another one than its own", () =>
        Effect.gen(function* () {
          const first = yield* connectTo("first")
          yield* first.push(events(0, 1))
          yield* readAll(first)
          // It has the backendId from the store that it shares with the other.
          const other = yield* connectTo("other")
          const pushed = yield* Effect.flip(other.push(events(0, 1)))
          expect(pushed).toMatchObject({ _tag: "BackendIdMismatchError" })
          const cursor = { eventSequenceNumber: SEQ_NUM_1, metadata: Option.none() }
          const pulled = yield* Effect.flip(
            Stream.runDrain(other.pull(Option.some(cursor), { live: false }))
          )
          expect(pulled).toMatchObject({ _tag: "BackendIdMismatchError" })
        }).pipe(Effect.provide(leader))
      )

      // The official client's pull over HTTP ends for good with the first answer that does not come.
      if (client === "official HTTP") return

      it.scoped("goes on when the server has been started again", () =>
        Effect.gen(function* () {
          const server = (yield* Servers)[serverName]
          const one = yield* connectTo("again")
          const other = yield* connectTo("again")
          const reader = newReader()
          const following = yield* follow(other, reader)
          yield* one.push(events(0, 3))
          yield* until(() => reader.seqNums.length === 3)
          yield* server.restart
          yield* one.push(events(3, 5)).pipe(
            // LiveStore's leader pushes again, whatever it was.
            Effect.retry(Schedule.spaced("500 millis")),
            Effect.timeout("60 seconds")
          )
          yield* until(() => reader.seqNums.length >= 5)
          expect(reader.seqNums).toEqual(range(0, 5))
          expect(Option.isNone(yield* Fiber.poll(following))).toBe(true)
        }).pipe(Effect.provide(leader))
      )
    })
  }
})
