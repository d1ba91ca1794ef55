/**
 * What the official backend has left in the object of a store, which it keeps there wherever the events are.
 *
 * @since 0.1.0
 */
import { LogEvent, SyncError } from "@tidelog/sync-protocol"
import type { Handshake } from "@tidelog/sync-protocol"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { StorageError } from "./EventLog.ts"
import { decodeRows } from "./internal/rows.ts"
import { isNoSql } from "./internal/sqlErrors.ts"
import * as RegistryStatements from "./RegistryStatements.ts"
import type { Statement } from "./SqlEngine.ts"
import * as SqlEngineDurableObject from "./SqlEngineDurableObject.ts"
import { PERSISTENCE_FORMAT_VERSION } from "./StoreTable.ts"
import type { OfficialPast } from "./Takeover.ts"

/**
 * The part of an object's storage that is used.
 *
 * @since 0.1.0
 * @category models
 */
export interface Storage extends SqlEngineDurableObject.Storage {
  readonly get: (key: string) => Promise<unknown>
}

/** Where 0.4.0 keeps head and backendId. An object may have rows of other stores than its own. */
const CONTEXT_TABLE = `context_${PERSISTENCE_FORMAT_VERSION}`

/** Where 0.3.1 kept the head. */
const HEAD_KEY = "currentHead"

const ContextRows = Schema.Array(
  Schema.Struct({ currentHead: LogEvent.SeqNum, backendId: SyncError.BackendId })
)

/**
 * Reads it, and changes nothing. `undefined` if the official backend has never served the store here.
 *
 * @since 0.1.0
 * @category operations
 */
export const read = Effect.fn("OfficialPast.read")(function* (
  storage: Storage,
  storeId: Handshake.StoreId
): Effect.fn.Return<OfficialPast | undefined, StorageError> {
  const context = yield* readContext(storage, storeId).pipe(
    // A class without SQLite has never had one.
    Effect.catchIf(isNoSql, () => Effect.succeedNone)
  )
  const counted = yield* readHead(storage)
  if (Option.isNone(context) && counted === undefined) return undefined
  const { backendId, currentHead: provenHead } = Option.getOrElse(context, () => NO_CONTEXT)
  return { backendId, provenHead, head: Math.max(provenHead, counted ?? 0) }
})

const NO_CONTEXT = { backendId: undefined, currentHead: 0 }

const readContext = (storage: Storage, storeId: Handshake.StoreId) =>
  Effect.gen(function* () {
    const { batch } = SqlEngineDurableObject.make(storage)
    const once = (statement: Statement) =>
      Effect.map(batch("read the official head", [statement]), ([result]) => result)
    const table = yield* once(RegistryStatements.tableExists(CONTEXT_TABLE))
    if (table?.rows.length === 0) return Option.none()
    const found = yield* once({
      sql: `SELECT currentHead, backendId FROM ${CONTEXT_TABLE} WHERE storeId = ?1`,
      params: [storeId]
    })
    return Arr.head(yield* decodeRows("read the official head", ContextRows, found))
  })

const readHead = (storage: Storage) => {
  const operation = "read the head of an older official backend"
  return Effect.tryPromise({
    try: () => storage.get(HEAD_KEY),
    catch: (cause) => new StorageError({ operation, cause })
  }).pipe(
    Effect.flatMap(Schema.decodeUnknown(Schema.UndefinedOr(LogEvent.SeqNum))),
    Effect.mapError((cause) => new StorageError({ operation, cause }))
  )
}
