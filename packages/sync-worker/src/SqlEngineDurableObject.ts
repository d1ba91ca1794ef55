/**
 * `SqlEngine` over the SQLite database that a Durable Object has of its own.
 *
 * @since 0.1.0
 */
import type { DurableObjectStorage } from "@cloudflare/workers-types"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { StorageError } from "./EventLog.ts"
import { SqlEngine } from "./SqlEngine.ts"
import type { SqlEngineService, SqlResult, Statement } from "./SqlEngine.ts"

/**
 * The part of an object's storage that is used. The object's class has to be one with SQLite
 * (`new_sqlite_classes`).
 *
 * @since 0.1.0
 * @category models
 */
export type Storage = Pick<DurableObjectStorage, "sql" | "transactionSync">

/**
 * The statements run at once, within this turn of the event loop. That they are on disk is the
 * platform's promise: it holds back whatever the object sends until they are.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (storage: Storage): SqlEngineService => ({
  batch: (operation, statements) =>
    Effect.try({
      // Without a transaction, an error leaves what the statements before it have written.
      try: () => storage.transactionSync(() => statements.map((each) => run(storage.sql, each))),
      catch: (cause) => new StorageError({ operation, cause })
    })
})

const run = (sql: Storage["sql"], { params, sql: text }: Statement): SqlResult => {
  const before = totalChanges(sql)
  const rows = sql.exec(text, ...params).toArray()
  return { rows, changes: totalChanges(sql) - before }
}

/**
 * The cursor's own `rowsWritten` counts the entries of indexes as well; `changes()` is still that of
 * an earlier statement after one that writes no rows.
 */
const totalChanges = (sql: Storage["sql"]): number =>
  Number(sql.exec("SELECT total_changes() AS total").one()["total"])

/**
 * Statements to the object's own SQLite.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (storage: Storage): Layer.Layer<SqlEngine> =>
  Layer.succeed(SqlEngine, make(storage))
