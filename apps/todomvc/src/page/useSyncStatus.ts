import { subscribe, type SyncStatus } from "@tidelog/sync-client/status"
import { useEffect, useState } from "react"

/** The connection of `storeId` to the server, as its web worker reports it; undefined until it does. */
export const useSyncStatus = (storeId: string): SyncStatus | undefined => {
  const [status, setStatus] = useState<SyncStatus>()
  useEffect(() => subscribe(storeId, setStatus), [storeId])
  return status
}
