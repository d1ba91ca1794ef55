/**
 * The sync status in React: `@tidelog/sync-client/react`.
 *
 * @since 0.1.0
 */
import { useCallback, useSyncExternalStore } from "react"
import { latest, listen } from "./internal/sharedStatus.ts"
import type { SyncStatus } from "./SyncStatus.ts"

export type {
  /**
   * @since 0.1.0
   * @category models
   */
  SyncStatus
} from "./SyncStatus.ts"

/**
 * How the client of a store stands with its server, and again with every change; `undefined` until the client
 * tells it. All that ask for one store share a subscription. See `subscribe` for what the client hears of the page
 * meanwhile.
 *
 * @since 0.1.0
 * @category hooks
 */
export const useSyncStatus = (storeId: string): SyncStatus | undefined =>
  useSyncExternalStore(
    useCallback((onChange) => listen(storeId, onChange), [storeId]),
    () => latest(storeId),
    // On a server nothing is told.
    () => undefined
  )
