/**
 * `SqlEngine` over a D1 database.
 *
 * @since 0.1.0
 */
import type { D1Database, D1Result } from "@cloudflare/workers-types"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { StorageError } from "./EventLog.ts"
import { SqlEngine } from "./SqlEngine.ts"
import type { SqlEngineService, Statement } from "./SqlEngine.ts"

/**
 * The part of a D1 binding that is used.
 *
 * @since 0.1.0
 * @category models
 */
export type Database = Pick<D1Database, "prepare" | "batch">

/**
 * How long a batch may take. D1 itself gives up after 30 s; the object's start must fit into the
 * platform's 30 s as well.
 */
const DEADLINE = Duration.seconds(15)

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (database: Database): SqlEngineService => ({
  batch: (operation, statements) =>
    Effect.tryPromise({
      try: () => run(database, statements),
      catch: (cause) => new StorageError({ operation, cause })
    }).pipe(
      Effect.timeoutFail({
        duration: DEADLINE,
        onTimeout: () =>
          new StorageError({
            operation,
            cause: new Error(`no answer within ${Duration.format(DEADLINE)}`)
          })
      }),
      Effect.map((results) =>
        results.map(({ meta, results: rows }) => ({ rows, changes: meta.changes }))
      )
    )
})

const run = (
  database: Database,
  statements: ReadonlyArray<Statement>
): Promise<ReadonlyArray<D1Result>> => {
  const prepared = statements.map(({ params, sql }) => database.prepare(sql).bind(...params))
  const [only] = prepared
  if (only === undefined) return Promise.resolve([])
  // One statement is a transaction by itself, and cheaper alone.
  return prepared.length === 1 ? only.all().then((result) => [result]) : database.batch(prepared)
}

/**
 * @since 0.1.0
 * @category layers
 */
export const layer = (database: Database): Layer.Layer<SqlEngine> =>
  Layer.succeed(SqlEngine, make(database))
