/**
 * The event log in a SQLite database: one table per store, and one registry of all stores.
 *
 * @since 0.1.0
 */
import { SyncError } from "@tidelog/sync-protocol"
import type { FrameText, LogEvent } from "@tidelog/sync-protocol"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as AppendStatements from "./AppendStatements.ts"
import { EventLog, HeadMismatch, LogReplaced, StorageError } from "./EventLog.ts"
import type { EventLogService, PageSize, ReadError } from "./EventLog.ts"
import * as EventLogStatements from "./EventLogStatements.ts"
import { toEntry } from "./internal/entry.ts"
import { openLog } from "./internal/openLog.ts"
import { toLogPage } from "./internal/page.ts"
import { decodeRows } from "./internal/rows.ts"
import { isNoTable, isTooBig } from "./internal/sqlErrors.ts"
import * as PageStatements from "./PageStatements.ts"
import { SqlEngine } from "./SqlEngine.ts"
import type { Statement } from "./SqlEngine.ts"
import { StoreId } from "./StoreId.ts"
import { officialTableName, tableName } from "./StoreTable.ts"
import { Takeover } from "./Takeover.ts"
import type { OpenError } from "./Takeover.ts"

const HeadRow = Schema.Tuple(
  Schema.Struct({ head: Schema.Int, backendId: Schema.NullOr(Schema.String) })
)

const BackendIdRow = Schema.Tuple(Schema.Struct({ backendId: SyncError.BackendId }))

const PageRow = Schema.Tuple(
  Schema.Struct({
    upTo: Schema.NullOr(Schema.Int),
    events: Schema.Int,
    bytes: Schema.NullOr(Schema.Int),
    text: Schema.NullOr(Schema.String),
    head: Schema.Int,
    backendId: Schema.NullOr(Schema.String)
  })
)

const CreatedAtRows = Schema.Array(Schema.Struct({ createdAt: Schema.String }))

const StatsRow = Schema.Tuple(Schema.Struct({ events: Schema.Int, bytes: Schema.Int }))

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
 * Opens the log of the store that `StoreId` names, and makes it if it is new: one round trip. Where `Takeover`
 * tells of a log of the official backend, that one is taken over first.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<EventLogService, OpenError, SqlEngine | StoreId> = Effect.gen(
  function* () {
    const sql = yield* SqlEngine
    const storeId = yield* StoreId
    const takeover = yield* Takeover
    const table = yield* tableName(storeId)
    const now = yield* Effect.map(Clock.currentTimeMillis, isoDate)

    const registration = { storeId, table, createdAt: now }
    const { backendId, createdAt, head, isNew } = yield* openLog(
      sql,
      { ...registration, official: officialTableName(storeId) },
      takeover
    )

    const log = { storeId, table, backendId }
    const readHead = EventLogStatements.head(log)

    /** A log without its table is no more. */
    const orGone = <A>(reading: Effect.Effect<A, ReadError>): Effect.Effect<A, ReadError> =>
      Effect.catchIf(reading, isNoTable, () => new LogReplaced())

    /** What was read of a log counts only if it is still the one that was opened. */
    const ifOurs = <A extends { readonly backendId: string | null }>(
      row: A
    ): Effect.Effect<A, LogReplaced> =>
      row.backendId === backendId ? Effect.succeed(row) : new LogReplaced()

    const append = AppendStatements.make(log)

    const newBackendId = (operation: string, statements: ReadonlyArray<Statement>) =>
      sql.batch(operation, statements).pipe(
        Effect.flatMap((results) => decodeRows(operation, BackendIdRow, results.at(-1))),
        Effect.map(([row]) => row.backendId)
      )

    /** The events after a position, and where the log ends. */
    const readWithHead = Effect.fnUntraced(function* (after: LogEvent.SeqNum, size: PageSize) {
      const [found, result] = yield* sql.batch("read the log", [
        readHead,
        PageStatements.read(table, after, size)
      ])
      const [row] = yield* decodeRows("read the head", HeadRow, found)
      const { head } = yield* ifOurs(row)
      const rows = yield* decodeRows("read the log", EventRows, result)
      return {
        head,
        entries: rows.map((event) => toEntry({ ...event, args: event.args ?? undefined }))
      }
    })

    return {
      backendId,
      isNew,
      initialHead: head,
      initialCreatedAt: createdAt ?? undefined,
      head: sql.batch("read the head", [readHead]).pipe(
        Effect.flatMap(([result]) => decodeRows("read the head", HeadRow, result)),
        orGone,
        Effect.flatMap(([row]) => ifOurs(row)),
        Effect.map(({ head }) => head)
      ),
      append: (batch) =>
        Effect.flatMap(sql.batch("append to the log", append(batch)), (results): Appended => {
          let changes = 0
          for (const result of results) changes += result.changes
          if (changes === batch.length) return Effect.void
          if (changes === 0) return new HeadMismatch({ expected: batch[0].parentSeqNum })
          return new StorageError({
            operation: "append to the log",
            cause: new Error(`${changes} of ${batch.length} events were written`)
          })
        }),
      read: (after, size) =>
        Effect.map(orGone(readWithHead(after, size)), ({ entries }) => entries),
      readPage: Effect.fnUntraced(
        function* (after, size) {
          const [result] = yield* sql.batch("read the log", [
            PageStatements.readPage(log, after, size)
          ])
          const [row] = yield* decodeRows("read the log", PageRow, result)
          const page = yield* ifOurs(row)
          return {
            upTo: page.upTo ?? undefined,
            events: page.events,
            bytes: page.bytes ?? 0,
            text: page.text ?? "",
            head: page.head
          }
        },
        (page, after, size) =>
          page.pipe(
            // Row by row there is no text that could be too long for the database.
            Effect.catchIf(isTooBig, () =>
              Effect.map(readWithHead(after, size), ({ entries, head }) => toLogPage(entries, head))
            ),
            orGone
          )
      ),
      createdAt: Effect.fnUntraced(function* (seqNum) {
        const [result] = yield* sql.batch("read an event's time", [
          EventLogStatements.createdAt(table, seqNum)
        ])
        const [row] = yield* decodeRows("read an event's time", CreatedAtRows, result)
        return row?.createdAt
      }, orGone),
      stats: sql.batch("measure the log", [EventLogStatements.stats(table)]).pipe(
        Effect.flatMap(([result]) => decodeRows("measure the log", StatsRow, result)),
        Effect.map(([stats]) => stats),
        orGone
      ),
      reset: newBackendId("reset the log", EventLogStatements.reset(registration)),
      renew: newBackendId("renew the log", [EventLogStatements.renew(registration)]),
      remove: sql.batch("remove the log", EventLogStatements.remove(log)).pipe(Effect.asVoid)
    }
  }
)

type Appended = ReturnType<EventLogService["append"]>

const isoDate = (millis: number): FrameText.EventParts["createdAt"] =>
  DateTime.formatIso(DateTime.unsafeMake(millis))

/**
 * The log of the store that `StoreId` names, in whatever database `SqlEngine` reaches.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<EventLog, OpenError, SqlEngine | StoreId> = Layer.effect(
  EventLog,
  make
)
