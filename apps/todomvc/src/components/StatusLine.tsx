import { type SyncStatus, useSyncStatus } from "@tidelog/sync-client/react"
import { useNow } from "../page/useNow.ts"

const describe = (status: SyncStatus, now: number): string => {
  if (status._tag === "Online" && status.rejected !== undefined) {
    return `Not accepted by the server: ${status.rejected.reason}`
  }
  switch (status._tag) {
    case "Idle":
      return "Not connected yet"
    case "Connecting":
      return "Connecting…"
    case "Online":
      return "Online"
    case "Waiting": {
      const seconds = Math.max(0, Math.ceil((status.retryAt - now) / 1_000))
      return `Reconnecting in ${seconds} s: ${status.reason}`
    }
    case "Offline":
      return "Offline: changes are kept here and sent later"
    case "Refused":
      return `Refused: ${status.reason}`
    case "Closed":
      return "Closed"
  }
}

/** One quiet line that says how the page stands with the server. */
export const StatusLine = ({ storeId }: { readonly storeId: string }) => {
  const status = useSyncStatus(storeId) ?? { _tag: "Idle", since: 0 }
  const now = useNow(status._tag === "Waiting")
  return (
    <p className="status" data-state={status._tag} data-testid="sync-status">
      <span aria-hidden="true" className="status-dot" />
      {/* A countdown read aloud each second would be noise: only changes of state are announced. */}
      <span aria-live={status._tag === "Waiting" ? "off" : "polite"} data-testid="sync-status-text">
        {describe(status, now)}
      </span>
    </p>
  )
}
