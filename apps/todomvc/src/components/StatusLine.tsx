import { type SyncStatus, useSyncStatus } from "@tidelog/sync-client/react"
import { reconnect } from "@tidelog/sync-client/status"
import { useNow } from "../page/useNow.ts"

const describe = (status: SyncStatus, now: number): string => {
  switch (status._tag) {
    case "Idle":
      return "Not connected yet"
    case "Connecting":
      return "Connecting…"
    case "Online":
      if (status.rejected !== undefined) {
        return `Not accepted by the server: ${status.rejected.reason}`
      }
      return status.pullRejected === undefined
        ? "Online"
        : `The server sends nothing: ${status.pullRejected}`
    case "Waiting": {
      const seconds = Math.max(0, Math.ceil((status.retryAt - now) / 1_000))
      return `Reconnecting in ${seconds} s: ${status.reason}`
    }
    case "Offline":
      return "Offline"
    case "Refused":
      return `Refused: ${status.reason}`
    case "Closed":
      return "Closed"
  }
}

/** What is kept here and not on the server yet. While all is well that passes before it can be read. */
const waiting = ({ _tag, pullRejected, rejected, unconfirmed }: SyncStatus): string => {
  const isWell = _tag === "Online" && rejected === undefined && pullRejected === undefined
  if (unconfirmed === 0 || isWell) return ""
  return unconfirmed === 1 ? " · 1 change waiting" : ` · ${unconfirmed} changes waiting`
}

/** One quiet line that says how the page stands with the server. */
export const StatusLine = ({ storeId }: { readonly storeId: string }) => {
  const status = useSyncStatus(storeId)
  const state = status?._tag ?? "Idle"
  const now = useNow(state === "Waiting")
  return (
    <p
      className="status"
      data-state={state}
      data-testid="sync-status"
      data-unconfirmed={status?.unconfirmed}
    >
      <span aria-hidden="true" className="status-dot" />
      {/* A countdown read aloud each second would be noise: only changes of state are announced. */}
      <span aria-live={state === "Waiting" ? "off" : "polite"} data-testid="sync-status-text">
        {status === undefined ? "Not connected yet" : describe(status, now) + waiting(status)}
      </span>
      {(state === "Refused" || state === "Waiting") && (
        <button onClick={() => reconnect(storeId)} type="button">
          Try now
        </button>
      )}
    </p>
  )
}
