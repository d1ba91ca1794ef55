/**
 * Either side may be exchanged for the official one: the same work, by each client on each server. That the
 * official client gets along with its own server is not held here.
 */
import { NodeContext } from "@effect/platform-node"
import { describe, expect, layer } from "@effect/vitest"
import { start } from "@tidelog/benchmarks/src/BenchServer.ts"
import type { BenchServer } from "@tidelog/benchmarks/src/BenchServer.ts"
import * as Cable from "@tidelog/e2e/src/Cable.ts"
import { eventually } from "@tidelog/e2e/src/eventually.ts"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import {
  type ClientName,
  connect,
  events,
  follow,
  leader,
  newReader,
  range,
  readAfter,
  until
} from "../src/Side.ts"
import { fallBehind, followEachOther } from "../src/work.ts"

class Servers extends Context.Tag("test/Servers")<
  Servers,
  Readonly<Record<"official" | "tidelog", BenchServer>>
>() {}

const LARGE = { text: "x".repeat(120_000) }

/** Starts a server with two stores on it that every client pulls: `long`, and `large`. */
const startFilled = (name: "official" | "tidelog") =>
  Effect.gen(function* () {
    const server = yield* start(name)
    const fill = (storeId: string, count: number, step: number, args: unknown) =>
      Effect.gen(function* () {
        const { push } = yield* connect("tidelog", server, storeId)
        for (let from = 0; from < count; from += step) yield* push(events(from, from + step, args))
      }).pipe(Effect.scoped, Effect.provide(leader))
    yield* fill("long", 10_000, 100, { n: 1 })
    yield* fill("large", 60, 5, LARGE)
    return server
  })

const servers = Layer.scoped(
  Servers,
  Effect.all(
    { official: startFilled("official"), tidelog: startFilled("tidelog") },
    { concurrency: 2 }
  )
).pipe(Layer.provide(NodeContext.layer), Layer.provide(Logger.remove(Logger.defaultLogger)))

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
          yield* followEachOther(yield* connectTo("basic"), yield* connectTo("basic"))
        }).pipe(Effect.provide(leader))
      )

      it.scoped("is told that it is behind, and goes on from there", () =>
        Effect.gen(function* () {
          yield* fallBehind(yield* connectTo("behind"), yield* connectTo("behind"))
        }).pipe(Effect.provide(leader))
      )

      it.scoped("pulls 60 events of 120 kB", () =>
        Effect.gen(function* () {
          const backend = yield* connect(client, (yield* Servers)[serverName], "large")
          expect(yield* readAfter(backend, 0)).toEqual(events(0, 60, LARGE))
        }).pipe(Effect.provide(leader))
      )

      it.scoped("pushes 5 events of 120 kB", () =>
        Effect.gen(function* () {
          const backend = yield* connectTo("heavy")
          yield* backend.push(events(0, 5, LARGE))
          expect(yield* readAfter(backend, 0)).toEqual(events(0, 5, LARGE))
        }).pipe(Effect.provide(leader))
      )

      it.scoped("pulls 10,000 events, with some pushed meanwhile", () =>
        Effect.gen(function* () {
          const server = (yield* Servers)[serverName]
          // Those who were here before have left some, too. The official client knows no cursor yet.
          const other = yield* connect("tidelog", server, "long").pipe(Effect.provide(leader))
          const head = (yield* readAfter(other, 9_990)).at(-1)?.seqNum ?? 0
          expect(head).toBeGreaterThanOrEqual(10_000)
          const reader = newReader()
          const backend = yield* connect(client, server, "long")
          yield* follow(backend, reader)
          yield* backend.push(events(head, head + 100))
          yield* until(() => reader.seqNums.length >= head + 100)
          expect(reader.seqNums).toEqual(range(0, head + 100))
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
          yield* readAfter(first, 0)
          // It has the backendId from the store that it shares with the other.
          const other = yield* connectTo("other")
          const pushed = yield* Effect.flip(other.push(events(0, 1)))
          expect(pushed).toMatchObject({ _tag: "BackendIdMismatchError" })
          const pulled = yield* Effect.flip(readAfter(other, 1))
          expect(pulled).toMatchObject({ _tag: "BackendIdMismatchError" })
        }).pipe(Effect.provide(leader))
      )
    })
  }

  for (const client of ["tidelog", "tidelog HTTP"] as const) {
    const storeId = `${client.replace(" ", "_")}_huge`
    const huge = events(1, 2, { text: "b".repeat(950_000) })

    it.scoped(
      `[CLIENT-9] the ${client} client pushes nothing that the official server could not give again`,
      () =>
        Effect.gen(function* () {
          const { official } = yield* Servers
          const backend = yield* connect(client, official, storeId)
          const pushed = yield* Effect.flip(backend.push([...events(0, 1), ...huge]))
          expect(pushed).toMatchObject({
            _tag: "UnknownError",
            cause: { _tag: "EventTooLarge", seqNum: 2, maxBytes: 899_000 }
          })
          // What it still gives: 899,000 bytes.
          const rest = JSON.stringify(events(1, 2, { text: "" })[0]).length
          const largest = events(1, 2, { text: "b".repeat(899_000 - rest) })
          yield* backend.push(largest)
          for (const reader of ["official", client] as const) {
            const other = yield* connect(reader, official, storeId).pipe(Effect.provide(leader))
            expect(yield* readAfter(other, 0)).toEqual([...events(0, 1), ...largest])
          }
        }).pipe(Effect.provide(leader))
    )

    it.scoped(`[CLIENT-9] the ${client} client pushes it to this project's`, () =>
      Effect.gen(function* () {
        const { tidelog } = yield* Servers
        const backend = yield* connect(client, tidelog, storeId)
        yield* backend.push([...events(0, 1), ...huge])
        for (const reader of ["official", client] as const) {
          const other = yield* connect(reader, tidelog, storeId).pipe(Effect.provide(leader))
          expect(yield* readAfter(other, 0)).toEqual([...events(0, 1), ...huge])
        }
      }).pipe(Effect.provide(leader))
    )
  }

  for (const serverName of ["official", "tidelog"] as const) {
    // The official client's pull over HTTP ends for good with the first answer that does not come.
    const clients = pairs.flatMap(([client, server]) =>
      server === serverName && client !== "official HTTP" ? [client] : []
    )
    it.scoped(
      `${clients.join(", ")} go on when the ${serverName} server has been started again`,
      () =>
        Effect.gen(function* () {
          const server = (yield* Servers)[serverName]
          const devices = yield* Effect.forEach(clients, (client) =>
            Effect.gen(function* () {
              const storeId = `${client.replace(" ", "_")}_again`
              const one = yield* connect(client, server, storeId)
              const other = yield* connect(client, server, storeId)
              const reader = newReader()
              const following = yield* follow(other, reader)
              yield* one.push(events(0, 3))
              yield* until(() => reader.seqNums.length === 3)
              return { one, reader, following }
            }).pipe(Effect.provide(leader))
          )
          yield* server.restart
          for (const { following, one, reader } of devices) {
            yield* one.push(events(3, 5)).pipe(
              // LiveStore's leader pushes again, whatever it was.
              Effect.retry(Schedule.spaced("500 millis")),
              Effect.timeout("60 seconds")
            )
            yield* until(() => reader.seqNums.length >= 5)
            expect(reader.seqNums).toEqual(range(0, 5))
            expect(Option.isNone(yield* Fiber.poll(following))).toBe(true)
          }
        })
    )
  }

  it.scoped(
    "over HTTP, the official client's pull ends with a network that fails, and ours goes on",
    () =>
      Effect.gen(function* () {
        const { tidelog } = yield* Servers
        const cable = yield* Cable.make(tidelog.port)
        const writer = yield* connect("tidelog", tidelog, "cut")
        const start = (name: ClientName) =>
          Effect.gen(function* () {
            const reader = newReader()
            const following = yield* follow(yield* connect(name, cable, "cut"), reader)
            return { reader, following }
          }).pipe(Effect.provide(leader))
        const official = yield* start("official HTTP")
        const own = yield* start("tidelog HTTP")
        yield* writer.push(events(0, 2))
        for (const { reader } of [official, own]) yield* until(() => reader.seqNums.length === 2)
        yield* cable.cut
        yield* eventually("the pull has ended", Fiber.poll(official.following), Option.isSome)
        yield* cable.mend
        yield* writer.push(events(2, 3))
        yield* until(() => own.reader.seqNums.length === 3)
        expect(official.reader.seqNums).toEqual([1, 2])
        expect(Option.isNone(yield* Fiber.poll(own.following))).toBe(true)
      }).pipe(Effect.provide(leader))
  )
})
