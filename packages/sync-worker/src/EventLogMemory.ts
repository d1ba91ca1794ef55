/**
 * The event log in memory: for tests, and for what may be forgotten.
 *
 * @since 0.1.0
 */
import { Chunking, LogEvent } from "@tidelog/sync-protocol"
import type { FrameText, Handshake, SyncError } from "@tidelog/sync-protocol"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { EventLog, HeadMismatch, LogReplaced, StorageError } from "./EventLog.ts"
import type { EventLogService, LogEntry } from "./EventLog.ts"
import { toEntry } from "./internal/entry.ts"
import { takePage, toLogPage } from "./internal/page.ts"
import { randomHex } from "./internal/randomHex.ts"
import { StoreId } from "./StoreId.ts"

/**
 * A log as it lies in memory. `events` and `entries` are the same events, one by one.
 *
 * @since 0.1.0
 * @category models
 */
export interface StoredLog {
  readonly backendId: SyncError.BackendId
  readonly events: Array<FrameText.EventParts>
  readonly entries: Array<LogEntry>
}

/**
 * The logs of several stores. One that is opened again in the same database has its events.
 *
 * @since 0.1.0
 * @category models
 */
export type Database = Map<Handshake.StoreId, StoredLog>

/**
 * A database without stores.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeDatabase = (): Database => new Map()

/**
 * Opens the log of a store in a database.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeIn = (
  database: Database,
  storeId: Handshake.StoreId
): Effect.Effect<EventLogService> =>
  Effect.gen(function* () {
    const newBackendId = randomHex(32)
    const known = database.get(storeId)
    const opened = known ?? {
      backendId: yield* newBackendId,
      events: [],
      entries: []
    }
    database.set(storeId, opened)
    const { backendId } = opened

    /** Does something with the log as it is now. */
    const withLog = <A, E>(
      operation: string,
      body: (log: StoredLog) => Effect.Effect<A, E>
    ): Effect.Effect<A, E | StorageError> =>
      Effect.suspend((): Effect.Effect<A, E | StorageError> => {
        const log = database.get(storeId)
        return log === undefined
          ? new StorageError({ operation, cause: new Error("the log was removed") })
          : body(log)
      })

    /** Reads from the log, if it is still the one that was opened. */
    const fromOurs = <A>(body: (log: StoredLog) => A): Effect.Effect<A, LogReplaced> =>
      Effect.suspend(() => {
        const log = database.get(storeId)
        return log?.backendId === backendId ? Effect.succeed(body(log)) : new LogReplaced()
      })

    /** Puts another log in the place of this one. */
    const replace = (operation: string, next: (log: StoredLog) => Omit<StoredLog, "backendId">) =>
      Effect.flatMap(newBackendId, (id) =>
        withLog(operation, (log) =>
          Effect.sync(() => {
            database.set(storeId, { ...next(log), backendId: id })
            return id
          })
        )
      )

    return {
      backendId,
      isNew: known === undefined,
      initialHead: headOf(opened),
      initialCreatedAt: opened.events.at(-1)?.createdAt,
      head: fromOurs(headOf),
      append: (batch) =>
        withLog("append to the log", (log): Effect.Effect<void, HeadMismatch | StorageError> => {
          const expected = batch[0].parentSeqNum
          if (expected !== headOf(log) || log.backendId !== backendId) {
            return new HeadMismatch({ expected })
          }
          if (new Set(batch.map(({ seqNum }) => seqNum)).size !== batch.length) {
            return new StorageError({
              operation: "append to the log",
              cause: new Error("two events have one position")
            })
          }
          log.events.push(...batch)
          log.entries.push(...batch.map(toEntry))
          return Effect.void
        }),
      read: (after, size) => fromOurs(({ entries }) => takePage(entries, after, size)),
      readPage: (after, size) =>
        fromOurs((log) => toLogPage(takePage(log.entries, after, size), headOf(log))),
      createdAt: (seqNum) =>
        withLog("read an event's time", ({ events }) =>
          Effect.succeed(events.find((event) => event.seqNum === seqNum)?.createdAt)
        ),
      stats: withLog("measure the log", ({ events }) =>
        Effect.succeed({
          events: events.length,
          bytes: events.reduce((sum, event) => sum + sizeOf(event), 0)
        })
      ),
      reset: replace("reset the log", () => ({ events: [], entries: [] })),
      renew: replace("renew the log", (log) => log),
      remove: Effect.sync(() => {
        database.delete(storeId)
      })
    }
  })

const headOf = ({ events }: StoredLog): LogEvent.SeqNum => events.at(-1)?.seqNum ?? LogEvent.ROOT

const sizeOf = ({ args, clientId, createdAt, name, sessionId }: FrameText.EventParts): number =>
  [name, args ?? "", createdAt, clientId, sessionId].reduce(
    (sum, text) => sum + Chunking.byteLength(text),
    0
  )

/**
 * A log that nothing else can open.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<EventLogService> = Effect.suspend(() =>
  makeIn(makeDatabase(), "memory")
)

/**
 * The log of the store that `StoreId` names, in a database.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerIn = (database: Database): Layer.Layer<EventLog, never, StoreId> =>
  Layer.effect(
    EventLog,
    Effect.flatMap(StoreId, (storeId) => makeIn(database, storeId))
  )

/**
 * A log that is gone with its Layer.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<EventLog> = Layer.effect(EventLog, make)
