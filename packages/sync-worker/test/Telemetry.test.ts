/** Spans and their way out, over a collector that listens on a port. */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { describe, expect, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Alarm from "../src/Alarm.ts"
import * as SyncHooks from "../src/SyncHooks.ts"
import * as SyncServer from "../src/SyncServer.ts"
import * as Telemetry from "../src/Telemetry.ts"
import * as Frames from "./support/frames.ts"
import { events } from "./support/frames.ts"
import { connect } from "./support/TestConnection.ts"
import * as TestLog from "./support/TestLog.ts"

interface Collector {
  readonly url: string
  readonly bodies: Array<string>
  /** Waits for as many requests, and for as many answers. */
  readonly count: (n: number) => Effect.Effect<void>
}

const startCollector = (status: number) =>
  Effect.acquireRelease(
    Effect.async<{ collector: Collector; stop: () => void }>((resume) => {
      const bodies: Array<string> = []
      let answered = 0
      let wake = () => {}
      const server = createServer((request, response) => {
        let body = ""
        request.setEncoding("utf8").on("data", (text) => (body += text))
        request.on("end", () => {
          bodies.push(body)
          response.writeHead(status, { connection: "close" }).end()
        })
        response.on("close", () => {
          answered += 1
          wake()
        })
      })
      server.listen(0, "127.0.0.1", () => {
        const { port } = server.address() as AddressInfo
        const count = (n: number): Effect.Effect<void> =>
          Effect.async((done) => {
            wake = () => {
              if (answered >= n) done(Effect.void)
            }
            wake()
          })
        const collector = { url: `http://127.0.0.1:${port}`, bodies, count }
        resume(Effect.succeed({ collector, stop: () => server.close() }))
      })
    }),
    ({ stop }) => Effect.sync(stop)
  ).pipe(Effect.map(({ collector }) => collector))

const layer = (baseUrl: string) =>
  Telemetry.layerSyncServer({ baseUrl }).pipe(
    Layer.provide(SyncServer.layer),
    Layer.provide(Telemetry.layerEventLog),
    Layer.provideMerge(TestLog.layer),
    Layer.provide(SyncHooks.layerNone),
    Layer.provide(Alarm.layerNone)
  )

/** The time, and how many wait for it. */
const makeClock = () => {
  const live = Clock.make()
  let waiting = 0
  const sleep: Clock.Clock["sleep"] = (duration) =>
    Effect.acquireUseRelease(
      Effect.sync(() => (waiting += 1)),
      () => live.sleep(duration),
      () => Effect.sync(() => (waiting -= 1))
    )
  const clock: Clock.Clock = Object.assign(Object.create(live), { sleep })
  return { clock, waiting: () => waiting }
}

/** Lets everything that came back be taken note of. */
const settle = Effect.promise(async () => {
  for (let turn = 0; turn < 500; turn++) await new Promise((resolve) => setImmediate(resolve))
})

describe("spans", () => {
  it.scopedLive("[HOOK-6] leave no timer, and tell how each frame ended", () =>
    Effect.gen(function* () {
      const collector = yield* startCollector(200)
      const { clock, waiting } = makeClock()
      const body = Effect.gen(function* () {
        const client = yield* connect()
        yield* client.say(Frames.push("1", events(1)))
        yield* collector.count(1)
        yield* settle
        expect(waiting()).toBe(0)
        const { next } = yield* TestLog.TestLog
        next("append", TestLog.failBefore)
        yield* client.say(Frames.push("2", events(2)))
        yield* client.say("nonsense")
        yield* collector.count(2)
        yield* settle
        expect(client.exits("1")).toEqual([Frames.accepted])
        const all = collector.bodies.join("\n")
        for (const words of ["Success", "StorageUnavailable", "closed 1007", "StorageError"]) {
          expect(all).toContain(words)
        }
        // The words of an error, an event, what a client called itself.
        for (const words of [
          "secret_",
          "the storage failed",
          "todoCreated",
          "t1",
          "nonsense",
          "client-a"
        ]) {
          expect(all).not.toContain(words)
        }
        expect(waiting()).toBe(0)
      })
      yield* Effect.provide(body, layer(collector.url)).pipe(Effect.withClock(clock))
    })
  )

  it.scopedLive("[HOOK-6] that nobody takes change nothing, and are said to be lost once", () =>
    Effect.gen(function* () {
      const collector = yield* startCollector(500)
      const lines: Array<string> = []
      const log = Logger.replace(
        Logger.defaultLogger,
        Logger.make(({ message }) => void lines.push(String(message)))
      )
      const body = Effect.gen(function* () {
        const client = yield* connect()
        for (const seqNum of [1, 2, 3]) {
          yield* client.say(Frames.push(String(seqNum), events(seqNum)))
          expect(client.exits(String(seqNum))).toEqual([Frames.accepted])
          yield* collector.count(seqNum)
          yield* settle
        }
      })
      yield* Effect.provide(body, Layer.provideMerge(layer(collector.url), log))
      expect(lines).toEqual(["spans could not be sent"])
    })
  )
})
