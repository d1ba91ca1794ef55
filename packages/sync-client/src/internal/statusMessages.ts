import type { Signal } from "../Device.ts"
import type { SyncStatus } from "../SyncStatus.ts"

/** Where a store's status is published: a BroadcastChannel of this name, within the app's origin. */
export const channelName = (storeId: string): string => `tidelog/status/2/${storeId}`

/** What a page says to the store's client: it is new, has noticed something, or wants it to connect. */
export type PageMessage =
  | { readonly _tag: "Question" | "Reconnect" }
  | { readonly _tag: "Nudge"; readonly signal: Signal }

/** The present status: as an answer, and whenever it changes. */
export interface Announcement {
  readonly _tag: "Announcement"
  readonly status: SyncStatus
}

/** A BroadcastChannel that keeps no Node process alive, if the runtime has such channels and gives one. */
export const openChannel = (storeId: string): BroadcastChannel | undefined => {
  if (typeof BroadcastChannel === "undefined") return undefined
  try {
    const channel = new BroadcastChannel(channelName(storeId))
    // Node's own method, which browsers need not.
    if ("unref" in channel && typeof channel.unref === "function") channel.unref()
    return channel
  } catch {
    // A browser that blocks cookies, or a sandboxed frame, has the class and makes none.
    return undefined
  }
}

/**
 * What was said on the channel. Its name holds the version of its messages, and only the app's own code writes
 * to it, so the form is taken for granted: a page does without a Schema.
 */
export const heard = ({ data }: MessageEvent<unknown>): PageMessage | Announcement | undefined =>
  isMessage(data) ? data : undefined

const isMessage = (data: unknown): data is PageMessage | Announcement =>
  typeof data === "object" && data !== null && "_tag" in data

export const post = (channel: BroadcastChannel, message: PageMessage | Announcement): void => {
  // A BroadcastChannel never leaves its origin, so it has no target to name.
  // oxlint-disable-next-line unicorn/require-post-message-target-origin
  channel.postMessage(message)
}
