/** What the server asks of its storage. A round trip is what a push waits for. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Alarm from "../src/Alarm.ts"
import * as EventLogSql from "../src/EventLogSql.ts"
import { SqlEngine } from "../src/SqlEngine.ts"
import * as SqlEngineD1 from "../src/SqlEngineD1.ts"
import { StoreId } from "../src/StoreId.ts"
import * as SyncHooks from "../src/SyncHooks.ts"
import * as SyncServer from "../src/SyncServer.ts"
import type { OpenError } from "../src/Takeover.ts"
import { startDatabase } from "./support/database.ts"
import * as Frames from "./support/frames.ts"
import { events, range } from "./support/frames.ts"
import { connect } from "./support/TestConnection.ts"

const database = SqlEngineD1.make(await startDatabase())

let stores = 0

/** Runs a test against a server of a new store; `trips` says what was asked since the last call. */
const counted = <A, E>(
  body: (test: {
    readonly trips: () => ReadonlyArray<string>
    /** A server that has just come into memory. */
    readonly server: Layer.Layer<SyncServer.SyncServer, OpenError>
  }) => Effect.Effect<A, E>
) => {
  let asked: Array<string> = []
  const engine = Layer.succeed(SqlEngine, {
    batch: (operation, statements) =>
      Effect.suspend(() => {
        asked.push(operation)
        return database.batch(operation, statements)
      })
  })
  const server = SyncServer.layer.pipe(
    Layer.provide(EventLogSql.layer),
    Layer.provide([engine, Layer.succeed(StoreId, `roundtrips_${++stores}`)]),
    Layer.provide([SyncHooks.layerNone, Alarm.layerNone]),
    Layer.fresh
  )
  const trips = () => {
    const result = asked
    asked = []
    return result
  }
  return body({ trips, server })
}

const push = (from: number, to = from) =>
  Effect.gen(function* () {
    const pusher = yield* connect()
    yield* pusher.say(Frames.push("1", events(from, to)))
    expect(pusher.exits("1")).toEqual([Frames.accepted])
    yield* pusher.leave()
  })

describe("round trips to the storage", () => {
  it.effect("[PUSH-2] the first push of a store takes two, each later one takes one", () =>
    counted(({ server, trips }) =>
      Effect.gen(function* () {
        yield* push(1)
        expect(trips()).toEqual(["open the log", "append to the log"])
        yield* push(2)
        yield* push(3, 102)
        expect(trips()).toEqual(["append to the log", "append to the log"])
      }).pipe(Effect.provide(server))
    )
  )

  it.effect("[PUSH-2] the first push after the memory was lost takes two as well", () =>
    counted(({ server, trips }) =>
      Effect.gen(function* () {
        yield* Effect.provide(push(1, 5), server)
        trips()
        yield* Effect.provide(push(6), server)
        expect(trips()).toEqual(["open the log", "append to the log"])
      })
    )
  )

  it.effect("[PULL-9] waking with readers at the head takes one", () =>
    counted(({ server, trips }) =>
      Effect.gen(function* () {
        yield* Effect.provide(push(1, 5), server)
        trips()
        const wake = Effect.gen(function* () {
          const state = {
            requestId: "1",
            live: true,
            cursor: 5,
            inFlight: 0,
            started: true,
            sparing: false
          }
          const readers = yield* Effect.forEach(range(1, 20), () => connect([state]))
          expect(trips()).toEqual(["open the log"])
          yield* push(6)
          expect(trips()).toEqual(["append to the log"])
          for (const reader of readers) expect(reader.seqNums("1")).toEqual([6])
        })
        yield* Effect.provide(wake, server)
      })
    )
  )

  it.effect("[PULL-1] a live delivery takes none, however many read along", () =>
    counted(({ server, trips }) =>
      Effect.gen(function* () {
        const readers = yield* Effect.forEach(range(1, 50), () => connect())
        for (const reader of readers) yield* reader.say(Frames.pull("1"))
        trips()
        yield* push(1, 3)
        expect(trips()).toEqual(["append to the log"])
        const texts = new Set(readers.map((reader) => reader.texts.at(-1)))
        expect(texts.size).toBe(1)
        for (const reader of readers) expect(reader.seqNums("1")).toEqual([1, 2, 3])
      }).pipe(Effect.provide(server))
    )
  )

  it.effect("[PULL-5] a reader that was slow takes none to catch up with the recent past", () =>
    counted(({ server, trips }) =>
      Effect.gen(function* () {
        const reader = yield* connect()
        yield* reader.say(Frames.pull("1"))
        for (const seqNum of range(1, 30)) yield* push(seqNum)
        trips()
        yield* reader.say(Frames.ack("1"))
        const late = yield* connect()
        yield* late.say(Frames.pull("1"))
        expect(trips()).toEqual([])
        for (const { seqNums } of [reader, late].map((each) => ({ seqNums: each.seqNums("1") }))) {
          expect(seqNums).toEqual(range(1, 30))
        }
      }).pipe(Effect.provide(server))
    )
  )

  it.effect("[PULL-1] a cold pull takes one a page", () =>
    counted(({ server, trips }) =>
      Effect.gen(function* () {
        const fill = Effect.forEach(range(0, 2), (index) =>
          push(index * 1_000 + 1, index * 1_000 + 900 + (index < 2 ? 100 : 0))
        )
        yield* Effect.provide(fill, server)
        trips()
        const cold = Effect.gen(function* () {
          const reader = yield* connect()
          yield* reader.say(Frames.pull("1", { live: false }))
          yield* reader.say(Frames.ack("1"))
          expect(reader.seqNums("1")).toEqual(range(1, 2_900))
          expect(reader.pages("1")).toHaveLength(3)
        })
        yield* Effect.provide(cold, server)
        expect(trips()).toEqual(["open the log", "read the log", "read the log", "read the log"])
      })
    )
  )

  it.effect("[PUSH-4] a push that is repeated takes two", () =>
    counted(({ server, trips }) =>
      Effect.gen(function* () {
        yield* push(1, 3)
        trips()
        yield* push(1, 3)
        expect(trips()).toEqual(["read the head", "read the log"])
      }).pipe(Effect.provide(server))
    )
  )
})
