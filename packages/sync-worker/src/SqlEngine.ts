/**
 * The little that the log asks of a SQLite database.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { StorageError } from "./EventLog.ts"

/**
 * A statement and its parameters, in the order of `?1`, `?2`, … At most 100 of them, each at most
 * 2 MB (D1's limits).
 *
 * @since 0.1.0
 * @category models
 */
export interface Statement {
  readonly sql: string
  readonly params: ReadonlyArray<string | number | null>
}

/**
 * `rows`: one object per row, by column name. `changes`: rows written by the statement.
 *
 * @since 0.1.0
 * @category models
 */
export interface SqlResult {
  readonly rows: ReadonlyArray<unknown>
  readonly changes: number
}

/**
 * A SQLite database, as far as the log needs one.
 *
 * @since 0.1.0
 * @category models
 */
export interface SqlEngineService {
  /**
   * Runs statements as one transaction, in one round trip: all of them take effect, or none.
   * `operation` says in words what they are for, as in "read the log".
   */
  readonly batch: (
    operation: string,
    statements: ReadonlyArray<Statement>
  ) => Effect.Effect<ReadonlyArray<SqlResult>, StorageError>
}

/**
 * The database of a log. Its layers: `SqlEngineD1.layer`, `SqlEngineDurableObject.layer`.
 *
 * @since 0.1.0
 * @category tags
 */
export class SqlEngine extends Context.Tag("@tidelog/sync-worker/SqlEngine")<
  SqlEngine,
  SqlEngineService
>() {}
