/**
 * All that is not Cloudflare's: the server of one store and its storages, as Layers that run wherever Effect
 * does. Whoever takes them there gives them connections, and a database.
 *
 * @since 0.1.0
 */
export * as Alarm from "./Alarm.ts"
export * as Connection from "./Connection.ts"
export * as EventLog from "./EventLog.ts"
export * as EventLogMemory from "./EventLogMemory.ts"
export * as EventLogSql from "./EventLogSql.ts"
export * as SqlEngine from "./SqlEngine.ts"
export * as HookMessage from "./HookMessage.ts"
export * as StoreId from "./StoreId.ts"
export * as StoreRegistry from "./StoreRegistry.ts"
export * as StoreTable from "./StoreTable.ts"
export * as SyncAuth from "./SyncAuth.ts"
export * as SyncHooks from "./SyncHooks.ts"
export * as SyncServer from "./SyncServer.ts"
export * as Takeover from "./Takeover.ts"
