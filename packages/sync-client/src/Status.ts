/**
 * The page's side of the sync status: `@tidelog/sync-client/status`. Light enough for any page; the
 * client itself is not loaded.
 *
 * @since 0.1.0
 */
import * as Device from "./Device.ts"
import { heard, openChannel, post } from "./internal/statusMessages.ts"
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
 * As long as it lasts, the client hears what only a page does: that the network is there or gone, that somebody
 * looks at the page again, that it is back from the browser's cache. It connects at once then, or asks whether
 * its connection still works; without a network it waits.
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
  const onMessage = (event: MessageEvent<unknown>) => {
    const message = heard(event)
    if (message?._tag === "Announcement") onStatus(message.status)
  }
  channel.addEventListener("message", onMessage)
  post(channel, { _tag: "Question" })
  // Where there is no page, nothing of this happens.
  const page = globalThis.document === undefined ? undefined : Device.global
  const stopRelaying = page?.subscribe((signal) => post(channel, { _tag: "Nudge", signal }))
  return () => {
    stopRelaying?.()
    channel.removeEventListener("message", onMessage)
    channel.close()
  }
}

/**
 * Has the store's client connect now: it ends a wait between two attempts, a refusal, and the wait of a push
 * that a rule of the app's has refused. For a button, and for a page that has got a new token.
 *
 * @since 0.1.0
 * @category commands
 */
export const reconnect = (storeId: string): void => {
  const channel = openChannel(storeId)
  if (channel === undefined) return
  post(channel, { _tag: "Reconnect" })
  channel.close()
}
