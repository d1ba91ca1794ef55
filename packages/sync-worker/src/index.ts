/**
 * The server of a LiveStore sync backend on Cloudflare: Layers, and the Worker and the Durable
 * Object that run them.
 *
 * @since 0.1.0
 */
export * as Alarm from "./Alarm.ts"
export * as AdminStorage from "./AdminStorage.ts"
export * as Attachment from "./Attachment.ts"
export * as CloudflareEnv from "./CloudflareEnv.ts"
export * as Connection from "./Connection.ts"
export * as Cors from "./Cors.ts"
export * as EventLog from "./EventLog.ts"
export * as EventLogD1 from "./EventLogD1.ts"
export * as EventLogDurableObject from "./EventLogDurableObject.ts"
export * as EventLogMemory from "./EventLogMemory.ts"
export * as HookMessage from "./HookMessage.ts"
export * as StoreId from "./StoreId.ts"
export * as StoreObject from "./StoreObject.ts"
export * as StoreObjects from "./StoreObjects.ts"
export * as StoreTable from "./StoreTable.ts"
export * as StoreRegistry from "./StoreRegistry.ts"
export * as SyncAuth from "./SyncAuth.ts"
export * as SyncHooks from "./SyncHooks.ts"
export * as SyncServer from "./SyncServer.ts"
export * as Takeover from "./Takeover.ts"
export * as Telemetry from "./Telemetry.ts"

export { handleAdmin, matchAdminRequest } from "./AdminRoutes.ts"
export type { AdminOptions, AdminRequest } from "./AdminRoutes.ts"
export { makeDurableObject, makeDurableObjectFromLayer } from "./DurableObject.ts"
export type { DurableObjectOptions, TransportOptions, SyncDurableObject } from "./DurableObject.ts"
export { AuthUnavailable, Forbidden, InvalidPayload, Unauthorized } from "./SyncAuth.ts"
export type { ConnectOptions } from "./Opening.ts"
export { matchSyncRequest } from "./SyncRequest.ts"
export type { SyncRequest } from "./SyncRequest.ts"
export { handleWebSocket, makeWorker, makeWorkerFromLayer } from "./Worker.ts"
export type { AuthLayer, LayerOptions, RuleOptions, SyncWorker, WorkerOptions } from "./Worker.ts"
