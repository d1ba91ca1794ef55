/**
 * The page's side of the sync status: `@tidelog/sync-client/status`. Light enough for any page; the
 * client itself is not loaded.
 *
 * @since 0.1.0
 */
import { isAnnouncement, openChannel, post } from "./internal/statusMessages.ts"
import type { SyncStatus } from "./SyncStatus.ts"

export type {
  /**
   * @since 0.1.0
   * @category models
   */
  SyncStatus
} from "./SyncStatus.ts"

/**
 * Calls `onStatus` with the present status of the store's client, if there is one, and with every
 * later one. The result ends that. Without a BroadcastChannel nothing is ever heard.
 *
 * @since 0.1.0
 * @category subscribing
 */
export const subscribe = (
  storeId: string,
  onStatus: (status: SyncStatus) => void
): (() => void) => {
  const channel = openChannel(storeId)
  if (channel === undefined) return () => {}
  const onMessage = ({ data }: MessageEvent<unknown>) => {
    if (isAnnouncement(data)) onStatus(data.status)
  }
  channel.addEventListener("message", onMessage)
  post(channel, { _tag: "Question" })
  return () => {
    channel.removeEventListener("message", onMessage)
    channel.close()
  }
}
