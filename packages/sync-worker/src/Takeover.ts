/**
 * What a store may take over from the official backend, and why it may not.
 *
 * @since 0.1.0
 */
import { Handshake } from "@tidelog/sync-protocol"
import type { LogEvent, SyncError } from "@tidelog/sync-protocol"
import * as Context from "effect/Context"
import * as Schema from "effect/Schema"
import type { StorageError } from "./EventLog.ts"

/**
 * What is asked of a table of the official backend before it becomes the log of a store.
 *
 * - `proven`: that all its events are this store's. The official backend gives one table in D1 to all
 *   storeIds that differ in case or punctuation alone, so the name of a table proves nothing.
 * - `always`: nothing. For a store that is known to be the only one of its table, or the right one.
 * - `never`: it is left alone, and the store starts empty.
 *
 * @since 0.1.0
 * @category models
 */
export type Adoption = "proven" | "always" | "never"

/**
 * What the official backend has left in the object of a store.
 *
 * - `backendId`: names the log to clients. Before version 0.4.0 there was none.
 * - `head`: the last event that a client was told is stored, 0 if none.
 * - `provenHead`: the last event that is known to have been stored: 0.3.1 counted before it stored.
 *
 * @since 0.1.0
 * @category models
 */
export interface OfficialPast {
  readonly backendId: SyncError.BackendId | undefined
  readonly head: LogEvent.SeqNum
  readonly provenHead: LogEvent.SeqNum
}

/**
 * - `isShared`: whether the database is that of many stores, or of this one alone, where all tables are its own.
 *
 * @since 0.1.0
 * @category models
 */
export interface TakeoverService {
  readonly past: OfficialPast | undefined
  readonly adoption: Adoption
  readonly isShared: boolean
}

/**
 * What the store that `StoreId` names may take over when its log is opened: nothing, if no layer says
 * another thing. Its layer: `CloudflareEnv.layerTakeover`.
 *
 * @since 0.1.0
 * @category tags
 */
export class Takeover extends Context.Reference<Takeover>()("@tidelog/sync-worker/Takeover", {
  defaultValue: (): TakeoverService => ({ past: undefined, adoption: "proven", isShared: true })
}) {}

const REASONS = {
  unproven:
    "the table of the official backend does not prove to hold this store's events alone. If it is known to, "
    + `say "always" in storage.adoptOfficial; "never" starts the store empty`,
  claimed: "its table of the official backend was taken over by another store",
  missing:
    "the official backend has stored events for it, but not in this database. Is `storage` what it was?",
  foreign:
    "there is a table of its name that this store is not known to have made. If it is that of another store of the "
    + "official backend, open that one first. If it is known to be this store's, say "
    + `"always" in storage.adoptOfficial`
} as const

/**
 * A store cannot be opened without the risk that it shows events of another one, or loses its own. Nothing
 * was changed. For the log of the server: it holds names of tables.
 *
 * - `unproven`: the table of the official backend may hold other stores' events.
 * - `claimed`: another store, `claimedBy`, has taken it over.
 * - `missing`: the store had events under the official backend, and there is no table with them.
 * - `foreign`: there is a table with the name of the store's own, and who made it is not known.
 *
 * @since 0.1.0
 * @category errors
 */
export class TakeoverRefused extends Schema.TaggedError<TakeoverRefused>(
  "@tidelog/sync-worker/TakeoverRefused"
)("TakeoverRefused", {
  storeId: Handshake.StoreId,
  table: Schema.String,
  reason: Schema.Literal("unproven", "claimed", "missing", "foreign"),
  claimedBy: Schema.optionalWith(Schema.String, { exact: true })
}) {
  override get message() {
    const by = this.claimedBy === undefined ? "" : ` (${this.claimedBy})`
    return `the store is not opened: ${REASONS[this.reason]}${by}. Table: ${this.table}`
  }
}

/**
 * Why a log cannot be opened.
 *
 * @since 0.1.0
 * @category errors
 */
export type OpenError = StorageError | TakeoverRefused
