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
 * As long as it lasts, the client hears what only a page does: that the network is back, that somebody looks
 * at the page again, that it is back from the browser's cache. It connects at once then, or asks whether its
 * connection still works.
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
  const stopRelaying = relay(() => post(channel, { _tag: "Nudge" }))
  return () => {
    stopRelaying()
    channel.removeEventListener("message", onMessage)
    channel.close()
  }
}

/** Where there is no page, nothing of this happens. */
const relay = (nudge: () => void): (() => void) => {
  const page = globalThis.document
  if (page === undefined || typeof globalThis.addEventListener !== "function") return () => {}
  const onVisible = () => {
    if (page.visibilityState === "visible") nudge()
  }
  const onPageShow = ({ persisted }: PageTransitionEvent) => {
    if (persisted) nudge()
  }
  page.addEventListener("visibilitychange", onVisible)
  globalThis.addEventListener("online", nudge)
  globalThis.addEventListener("pageshow", onPageShow)
  return () => {
    page.removeEventListener("visibilitychange", onVisible)
    globalThis.removeEventListener("online", nudge)
    globalThis.removeEventListener("pageshow", onPageShow)
  }
}
