/** How often the log asks its database, and with how many statements: each is paid for. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { EventLog } from "../src/EventLog.ts"
import * as EventLogSql from "../src/EventLogSql.ts"
import { SqlEngine } from "../src/SqlEngine.ts"
import type { SqlEngineService } from "../src/SqlEngine.ts"
import * as SqlEngineD1 from "../src/SqlEngineD1.ts"
import { StoreId } from "../src/StoreId.ts"
import { event, events } from "../src/testing/contract/fixtures.ts"
import { startDatabase } from "./support/database.ts"
import { startObjects } from "./support/objectStorage.ts"

const PAGE = { maxEvents: 1_000, maxBytes: 900_000 }

const describeTrips = (name: string, engine: SqlEngineService) => {
  /** Statements of each batch since the last call. */
  let batches: Array<number> = []
  const taken = () => {
    const result = batches
    batches = []
    return result
  }
  const counting = Layer.succeed(SqlEngine, {
    batch: (operation, statements) =>
      Effect.suspend(() => {
        batches.push(statements.length)
        return engine.batch(operation, statements)
      })
  })
  const open = Effect.provide(
    EventLog,
    EventLogSql.layer.pipe(Layer.provide([counting, Layer.succeed(StoreId, "trips")]), Layer.fresh)
  )

  describe(`round trips: ${name}`, () => {
    it.effect("[LOG-11] one to open, one to append, one for a page", () =>
      Effect.gen(function* () {
        yield* open
        expect(taken()).toEqual([4])
        const log = yield* open
        expect(taken()).toEqual([4])
        yield* log.append([event(1)])
        expect(taken()).toEqual([1])
        yield* log.append(events(2, 1_001))
        expect(taken()).toEqual([1])
        yield* log.append([
          event(1_002, { args: JSON.stringify("x".repeat(900_000)) }),
          event(1_003)
        ])
        expect(taken()).toEqual([2])
        yield* log.readPage(0, PAGE)
        yield* log.read(0, PAGE)
        yield* log.head
        yield* log.createdAt(1)
        yield* log.stats
        expect(taken()).toEqual([1, 2, 1, 1, 1])
        yield* log.renew
        yield* log.reset
        yield* log.remove
        expect(taken()).toEqual([1, 2, 2])
      })
    )
  })
}

describeTrips("D1", SqlEngineD1.make(await startDatabase()))

describeTrips("Durable Object", (await startObjects()).engine("trips"))
