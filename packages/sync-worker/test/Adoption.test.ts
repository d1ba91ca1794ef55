import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { EventLog } from "../src/EventLog.ts"
import * as EventLogSql from "../src/EventLogSql.ts"
import { SqlEngine } from "../src/SqlEngine.ts"
import type { SqlEngineService } from "../src/SqlEngine.ts"
import * as SqlEngineD1 from "../src/SqlEngineD1.ts"
import { StoreId } from "../src/StoreId.ts"
import { startDatabase } from "./support/database.ts"
import { startObjects } from "./support/objectStorage.ts"

const ALL = { maxEvents: 100, maxBytes: 1_000_000 }

const describeAdoption = (name: string, engine: SqlEngineService) => {
  describe(`a database of the official backend: ${name}`, () => {
    it.effect("[LOG-12] a store's table is taken over with its events", () =>
      Effect.gen(function* () {
        const createdAt = "2025-12-31T23:59:59.999Z"
        yield* engine.batch("leave a table behind", [
          {
            sql: `CREATE TABLE IF NOT EXISTS eventlog_7_adopted (seqNum integer primary key,
              parentSeqNum integer not null, name text not null, args text null,
              createdAt text not null, clientId text not null, sessionId text not null) strict`,
            params: []
          },
          {
            sql: `INSERT INTO eventlog_7_adopted VALUES (1, 0, 'a', '{"x":1}', ?1, 'c', 's'),
              (2, 1, 'b', NULL, ?1, 'c', 's')`,
            params: [createdAt]
          }
        ])
        const log = yield* Effect.provide(
          EventLog,
          EventLogSql.layer.pipe(
            Layer.provide([Layer.succeed(SqlEngine, engine), StoreId.layer("adopted")])
          )
        )
        expect(log).toMatchObject({ initialHead: 2, initialCreatedAt: createdAt })
        const ids = { clientId: "c", sessionId: "s" }
        yield* log.append([
          { ...ids, name: "c", args: "null", seqNum: 3, parentSeqNum: 2, createdAt }
        ])
        const { text } = yield* log.readPage(0, ALL)
        expect(
          JSON.parse(`[${text}]`).map((event: { eventEncoded: unknown }) => event.eventEncoded)
        ).toEqual([
          { ...ids, name: "a", args: { x: 1 }, seqNum: 1, parentSeqNum: 0 },
          { ...ids, name: "b", seqNum: 2, parentSeqNum: 1 },
          { ...ids, name: "c", args: null, seqNum: 3, parentSeqNum: 2 }
        ])
      })
    )
  })
}

describeAdoption("D1", SqlEngineD1.make(await startDatabase()))

describeAdoption("Durable Object", (await startObjects()).engine("adoption"))
