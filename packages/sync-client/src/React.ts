/**
 * The sync status in React: `@tidelog/sync-client/react`.
 *
 * @since 0.1.0
 */
import { useEffect, useState } from "react"
import { subscribe } from "./Status.ts"
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
 * tells it. See `subscribe` for what the client hears of the page meanwhile.
 *
 * @since 0.1.0
 * @category hooks
 */
export const useSyncStatus = (storeId: string): SyncStatus | undefined => {
  const [heard, setHeard] = useState<{ readonly of: string; readonly status: SyncStatus }>()
  useEffect(() => subscribe(storeId, (status) => setHeard({ of: storeId, status })), [storeId])
  // That of another store is none of this one's.
  return heard?.of === storeId ? heard.status : undefined
}
