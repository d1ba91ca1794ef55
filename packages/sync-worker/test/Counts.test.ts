/** What one event costs the server, in numbers that are the same on every machine. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { vi } from "vitest"
import * as Alarm from "../src/Alarm.ts"
import type { Connection } from "../src/Connection.ts"
import * as EventLogSql from "../src/EventLogSql.ts"
import { SqlEngine } from "../src/SqlEngine.ts"
import { StoreId } from "../src/StoreId.ts"
import * as SyncHooks from "../src/SyncHooks.ts"
import * as SyncServer from "../src/SyncServer.ts"
import { startDatabase } from "./support/database.ts"
import * as Frames from "./support/frames.ts"
import { events, range, STORE_ID } from "./support/frames.ts"

const database = await startDatabase()

let rowsWritten = 0

/** D1, and what it says that it has written. */
const engine = Layer.succeed(SqlEngine, {
  batch: (_, statements) =>
    Effect.promise(async () => {
      const prepared = statements.map(({ params, sql }) => database.prepare(sql).bind(...params))
      const results = await database.batch(prepared)
      for (const { meta } of results) rowsWritten += meta.rows_written
      return results.map(({ meta, results }) => ({ rows: results, changes: meta.changes }))
    })
})

let stores = 0

const layer = Layer.suspend(() =>
  SyncServer.layer.pipe(
    Layer.provide(EventLogSql.layer),
    Layer.provide([engine, Layer.succeed(StoreId, `counts_${++stores}`)]),
    Layer.provide([SyncHooks.layerNone, Alarm.layerNone])
  )
)

/** Connections that only count what is done with them. */
const makeConnections = () => {
  const counts = { sent: 0, bytes: 0, saved: 0 }
  const connect = Effect.gen(function* () {
    const server = yield* SyncServer.SyncServer
    const connection: Connection = {
      session: { connectionId: "c", storeId: STORE_ID, headers: {} },
      send: (text) => {
        counts.sent += 1
        counts.bytes += text.length
      },
      close: (code, reason) => expect.fail(`closed: ${code} ${reason}`),
      save: () => {
        counts.saved += 1
      }
    }
    yield* server.connect(connection)
    return {
      say: (frame: string) => server.receive(connection, frame)
    }
  })
  const take = () => {
    const taken = { ...counts }
    Object.assign(counts, { sent: 0, bytes: 0, saved: 0 })
    return taken
  }
  return { connect, take }
}

/** How often something with this text in it is read from JSON or written as JSON while an effect runs. */
const countJson = <A, E, R>(marker: string, effect: Effect.Effect<A, E, R>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      const { parse, stringify } = JSON
      const counts = { read: 0, written: 0 }
      vi.spyOn(JSON, "parse").mockImplementation((text, reviver) => {
        if (text.includes(marker)) counts.read += 1
        return parse(text, reviver)
      })
      vi.spyOn(JSON, "stringify").mockImplementation((...args: Parameters<typeof stringify>) => {
        const text = stringify(...args)
        if (text?.includes(marker)) counts.written += 1
        return text
      })
      return counts
    }),
    (counts) => Effect.as(effect, counts),
    () => Effect.sync(() => vi.restoreAllMocks())
  )

const READERS = 100

describe("one push to 100 readers", () => {
  it.effect("[PULL-1] is read once and written once, however many read along", () =>
    Effect.gen(function* () {
      const { connect } = makeConnections()
      const pusher = yield* connect
      for (const reader of yield* Effect.replicateEffect(connect, READERS)) {
        yield* reader.say(Frames.pull("1"))
      }
      const frame = Frames.push("2", events(1, 1, { args: "a marker" }))
      expect(
        yield* countJson(
          "a marker",
          Effect.suspend(() => pusher.say(frame))
        )
      ).toEqual({ read: 1, written: 1 })
    }).pipe(Effect.provide(layer))
  )

  it.effect("[PULL-1] is one frame for each, of one event or of a hundred", () =>
    Effect.gen(function* () {
      const { connect, take } = makeConnections()
      const pusher = yield* connect
      const readers = yield* Effect.replicateEffect(connect, READERS)
      for (const reader of readers) {
        yield* reader.say(Frames.pull("1"))
        yield* reader.say(Frames.ack("1"))
      }
      for (const [id, batch] of [
        ["2", events(1)],
        ["3", events(2, 101)]
      ] as const) {
        take()
        yield* pusher.say(Frames.push(id, batch))
        expect(take().sent).toBe(READERS + 1)
        for (const reader of readers) yield* reader.say(Frames.ack("1"))
        expect(take().sent).toBe(0)
      }
    }).pipe(Effect.provide(layer))
  )

  it.effect("[PULL-5] whose acknowledgements leave nothing to run", () =>
    Effect.gen(function* () {
      const { connect } = makeConnections()
      const reader = yield* connect
      yield* reader.say(Frames.pull("1"))
      for (const seqNum of range(1, 3)) {
        expect(reader.say(Frames.ack("1"))).toBe(Effect.void)
        yield* reader.say(Frames.push(`${seqNum + 1}`, events(seqNum)))
      }
    }).pipe(Effect.provide(layer))
  )
})

describe("a push", () => {
  it.effect("[LOG-11] writes one row an event", () =>
    Effect.gen(function* () {
      const pusher = yield* makeConnections().connect
      for (const [id, batch] of [
        ["1", events(1)],
        ["2", events(2, 101)],
        ["3", events(102)]
      ] as const) {
        rowsWritten = 0
        yield* pusher.say(Frames.push(id, batch))
        expect(rowsWritten).toBe(batch.length)
      }
    }).pipe(Effect.provide(layer))
  )

  it.effect("[LIMIT-9] of a connection without a pull is not written down each time", () =>
    Effect.gen(function* () {
      const { connect, take } = makeConnections()
      const pusher = yield* connect
      take()
      for (const seqNum of range(1, 10)) yield* pusher.say(Frames.push(`${seqNum}`, events(seqNum)))
      expect(take()).toMatchObject({ sent: 10, saved: 0 })
    }).pipe(Effect.provide(layer))
  )
})
