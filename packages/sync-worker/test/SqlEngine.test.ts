/** What the log relies on, from each database. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { SqlEngineService, Statement } from "../src/SqlEngine.ts"
import * as SqlEngineD1 from "../src/SqlEngineD1.ts"
import { startDatabase } from "./support/database.ts"
import { startObjects } from "./support/objectStorage.ts"

const objects = await startObjects()

const statement = (sql: string, ...params: Statement["params"]): Statement => ({ sql, params })

const describeEngine = (name: string, { batch }: SqlEngineService) => {
  let tables = 0
  const newTable = Effect.gen(function* () {
    const table = `numbers_${++tables}`
    yield* batch("make a table", [
      statement(`CREATE TABLE ${table} (n INTEGER PRIMARY KEY, word TEXT UNIQUE) STRICT`)
    ])
    return table
  })
  const count = (table: string) =>
    Effect.map(
      batch("count", [statement(`SELECT count(*) AS n FROM ${table}`)]),
      ([result]) => result?.rows[0]
    )

  describe(`SqlEngine: ${name}`, () => {
    it.effect("[LOG-1] counts the rows that each statement wrote, and no index", () =>
      Effect.gen(function* () {
        const table = yield* newTable
        const results = yield* batch("write", [
          statement(`INSERT INTO ${table} VALUES (1, 'a'), (2, 'b'), (3, 'c')`),
          statement(`SELECT n FROM ${table} ORDER BY n`),
          statement(`INSERT INTO ${table} SELECT 4, 'd' WHERE false`),
          statement(`UPDATE ${table} SET word = word || '!' WHERE n > ?1 RETURNING word`, 1),
          statement(`DELETE FROM ${table}`)
        ])
        expect(results.map(({ changes }) => changes)).toEqual([3, 0, 0, 2, 3])
        expect(results[1]?.rows).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }])
        expect(results[3]?.rows).toEqual([{ word: "b!" }, { word: "c!" }])
      })
    )

    it.effect("[LOG-1] lets a statement see how many rows the one before it wrote", () =>
      Effect.gen(function* () {
        const table = yield* newTable
        const write = (first: string) =>
          batch("write", [
            statement(`INSERT INTO ${table} (n) ${first}`),
            statement(
              `INSERT INTO ${table} (n) SELECT (SELECT max(n) + 1 FROM ${table}) WHERE changes() = ?1`,
              2
            )
          ])
        yield* write("VALUES (1), (2)")
        expect(yield* count(table)).toEqual({ n: 3 })
        yield* write("SELECT 10 WHERE false")
        expect(yield* count(table)).toEqual({ n: 3 })
      })
    )

    it.effect("[LOG-1] undoes what came before a statement that fails", () =>
      Effect.gen(function* () {
        const table = yield* newTable
        const result = yield* Effect.either(
          batch("write", [
            statement(`INSERT INTO ${table} (n) VALUES (1)`),
            statement(`CREATE TABLE ${table}_more (n INTEGER) STRICT`),
            statement(`INSERT INTO ${table} (n) VALUES (1)`)
          ])
        )
        expect(Either.getLeft(result)).toMatchObject({
          value: { _tag: "StorageError", operation: "write" }
        })
        expect(yield* count(table)).toEqual({ n: 0 })
        expect(Either.isLeft(yield* Effect.either(count(`${table}_more`)))).toBe(true)
      })
    )

    it.effect("[LOG-1] does nothing for no statements", () =>
      Effect.gen(function* () {
        expect(yield* batch("nothing", [])).toEqual([])
      })
    )
  })
}

describeEngine("D1", SqlEngineD1.make(await startDatabase()))

describeEngine("Durable Object", objects.engine("engine"))

describe("EventLogDurableObject", () => {
  it("[LOG-2] keeps the log in the object that it runs in", async () => {
    const first = await objects.ask("one", "/visit")
    expect(first).toMatchObject({ head: 0 })
    expect(await objects.ask("one", "/visit")).toEqual({ ...Object(first), head: 1 })
    expect(await objects.ask("two", "/visit")).toMatchObject({ head: 0 })
  })
})
