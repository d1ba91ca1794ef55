import type { SyncStatus } from "../SyncStatus.ts"

/** Where a store's status is published: a BroadcastChannel of this name, within the app's origin. */
export const channelName = (storeId: string): string => `tidelog/status/1/${storeId}`

/** A newcomer's question for the present status. */
export interface Question {
  readonly _tag: "Question"
}

/** The page has seen something that the client cannot: the network is back, or somebody looks again. */
export interface Nudge {
  readonly _tag: "Nudge"
}

/** The present status: as an answer, and whenever it changes. */
export interface Announcement {
  readonly _tag: "Announcement"
  readonly status: SyncStatus
}

const hasTag = (value: unknown): value is { readonly _tag: unknown } =>
  typeof value === "object" && value !== null && "_tag" in value

export const isQuestion = (value: unknown): value is Question =>
  hasTag(value) && value._tag === "Question"

export const isNudge = (value: unknown): value is Nudge => hasTag(value) && value._tag === "Nudge"

/**
 * The channel's name holds the version of its messages, and only the app's own code writes to it, so
 * the tag is proof enough: the page side does without a Schema.
 */
export const isAnnouncement = (value: unknown): value is Announcement =>
  hasTag(value) && value._tag === "Announcement" && "status" in value && hasTag(value.status)

/** A BroadcastChannel that keeps no Node process alive, if the runtime has such channels. */
export const openChannel = (storeId: string): BroadcastChannel | undefined => {
  if (typeof BroadcastChannel === "undefined") return undefined
  const channel = new BroadcastChannel(channelName(storeId))
  // Node's own method, which browsers need not.
  if ("unref" in channel && typeof channel.unref === "function") channel.unref()
  return channel
}

export const post = (channel: BroadcastChannel, message: Question | Nudge | Announcement): void => {
  // A BroadcastChannel never leaves its origin, so it has no target to name.
  // oxlint-disable-next-line unicorn/require-post-message-target-origin
  channel.postMessage(message)
}
