/**
 * The event log in a SQLite database: one table per store, and one registry of all stores.
 *
 * @since 0.1.0
 */
import { SyncError } from "@tidelog/sync-protocol"
import type { FrameText } from "@tidelog/sync-protocol"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { EventLog, HeadMismatch, StorageError } from "./EventLog.ts"
import type { EventLogService } from "./EventLog.ts"
import * as EventLogStatements from "./EventLogStatements.ts"
import { toEntry } from "./internal/entry.ts"
import { SqlEngine } from "./SqlEngine.ts"
import type { SqlResult } from "./SqlEngine.ts"
import { StoreId } from "./StoreId.ts"
import { tableName } from "./StoreTable.ts"

const HeadRow = Schema.Tuple(Schema.Struct({ head: Schema.Int }))

const RegistryRow = Schema.Tuple(
  Schema.Struct({ backendId: SyncError.BackendId, head: Schema.Int })
)

const EventRows = Schema.Array(
  Schema.Struct({
    seqNum: Schema.Int,
    parentSeqNum: Schema.Int,
    name: Schema.String,
    args: Schema.NullOr(Schema.String),
    createdAt: Schema.String,
    clientId: Schema.String,
    sessionId: Schema.String
  })
)

/**
 * Opens the log of the store that `StoreId` names, and makes it if it is new: one round trip.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<EventLogService, StorageError, SqlEngine | StoreId> = Effect.gen(
  function* () {
    const sql = yield* SqlEngine
    const storeId = yield* StoreId
    const table = yield* tableName(storeId)
    const now = yield* Effect.map(Clock.currentTimeMillis, isoDate)

    const opened = yield* sql.batch(
      "open the log",
      EventLogStatements.open({ storeId, table, createdAt: now })
    )
    const [{ backendId, head: initialHead }] = yield* decodeRows(
      "open the log",
      RegistryRow,
      opened.at(-1)
    )

    const readHead = EventLogStatements.head(table)

    return {
      backendId,
      initialHead,
      head: sql.batch("read the head", [readHead]).pipe(
        Effect.flatMap(([result]) => decodeRows("read the head", HeadRow, result)),
        Effect.map(([{ head }]) => head)
      ),
      append: Effect.fn("EventLog.append")(function* (batch) {
        const statements = EventLogStatements.append(table, batch)
        const results = yield* sql.batch("append to the log", statements)
        const changes = results.reduce((sum, result) => sum + result.changes, 0)
        if (changes === batch.length) return
        if (changes === 0) return yield* new HeadMismatch({ expected: batch[0].parentSeqNum })
        return yield* new StorageError({
          operation: "append to the log",
          cause: new Error(`${changes} of ${batch.length} events were written`)
        })
      }),
      read: Effect.fn("EventLog.read")(function* (after, size) {
        const [result] = yield* sql.batch("read the log", [
          EventLogStatements.read(table, after, size)
        ])
        const rows = yield* decodeRows("read the log", EventRows, result)
        return rows.map((row) => toEntry({ ...row, args: row.args ?? undefined }))
      })
    }
  }
)

const isoDate = (millis: number): FrameText.EventParts["createdAt"] =>
  DateTime.formatIso(DateTime.unsafeMake(millis))

/** Rows come from a database that others can write to, so they are decoded as any input. */
const decodeRows = <A, I>(
  operation: string,
  schema: Schema.Schema<A, I>,
  result: SqlResult | undefined
): Effect.Effect<A, StorageError> =>
  Effect.mapError(
    Schema.decodeUnknown(schema)(result?.rows),
    (cause) => new StorageError({ operation, cause })
  )

/**
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<EventLog, StorageError, SqlEngine | StoreId> = Layer.effect(
  EventLog,
  make
)
