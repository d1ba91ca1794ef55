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
import type { SqlEngineService, SqlResult, Statement } from "./SqlEngine.ts"

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
 * Statements to a D1 binding.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (database: Database): SqlEngineService => ({
  batch: (operation, statements) =>
    Effect.async<ReadonlyArray<SqlResult>, StorageError>((resume) => {
      const fail = (cause: unknown) => resume(new StorageError({ operation, cause }))
      // A timer, and no race of two fibers: every push waits here, and a race costs more than
      // everything else that is made of a push.
      // @effect-diagnostics-next-line globalTimers:off
      const timer = setTimeout(
        () => fail(new Error(`no answer within ${Duration.format(DEADLINE)}`)),
        Duration.toMillis(DEADLINE)
      )
      // What is thrown while a statement is prepared is its failure as well.
      Promise.resolve()
        .then(() => run(database, statements))
        .then((results) => resume(Effect.succeed(results.map(toResult))), fail)
        .finally(() => clearTimeout(timer))
    })
})

const toResult = ({ meta, results }: D1Result): SqlResult => ({
  rows: results,
  changes: meta.changes
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
 * The same, as a Layer.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (database: Database): Layer.Layer<SqlEngine> =>
  Layer.succeed(SqlEngine, make(database))
