/**
 * The client of a LiveStore sync backend: `makeCfSync` for an app, `SyncClient` for everybody else.
 *
 * @since 0.1.0
 */
export * as Backoff from "./Backoff.ts"
export * as Credentials from "./Credentials.ts"
export * as Device from "./Device.ts"
export * as SyncClient from "./SyncClient.ts"
export * as SyncClientError from "./SyncClientError.ts"
export * as SyncStatus from "./SyncStatus.ts"
export * as Timings from "./Timings.ts"
export { makeCfSync, makeCfSync as makeWsSync } from "./LiveStore.ts"
export type { CfSyncOptions } from "./LiveStore.ts"
