import { subscribe } from "../Status.ts"
import type { SyncStatus } from "../SyncStatus.ts"

/** Who listens to a store's client, and what it has told last. */
interface Shared {
  readonly listeners: Set<() => void>
  readonly stop: () => void
  status: SyncStatus | undefined
}

/** By storeId. A store is in here as long as somebody listens. */
const stores = new Map<string, Shared>()

const share = (storeId: string): Shared => {
  const listeners = new Set<() => void>()
  const shared: Shared = {
    listeners,
    status: undefined,
    stop: subscribe(storeId, (status) => {
      shared.status = status
      for (const listener of listeners) listener()
    })
  }
  stores.set(storeId, shared)
  return shared
}

/** Calls `onChange` with each new status. All who listen to a store share one channel. The result ends that. */
export const listen = (storeId: string, onChange: () => void): (() => void) => {
  const { listeners, stop } = stores.get(storeId) ?? share(storeId)
  // Two may bring the same function.
  const listener = () => onChange()
  listeners.add(listener)
  return () => {
    if (!listeners.delete(listener) || listeners.size > 0) return
    stores.delete(storeId)
    stop()
  }
}

/** The last status that was told, while anybody listens. */
export const latest = (storeId: string): SyncStatus | undefined => stores.get(storeId)?.status
