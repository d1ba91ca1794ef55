/**
 * When a pull's chunks are acknowledged, which takes them off the server's window: at once, but for a few live events,
 * if the server does without for so long (SPEC: PULL-14).
 *
 * @since 0.1.0
 */
import * as Sparing from "@tidelog/sync-protocol/Sparing"

/**
 * What one request owes.
 *
 * @since 0.1.0
 * @category models
 */
export interface Acknowledging {
  /** The server does without for a while. */
  readonly spare: () => void
  /**
   * A chunk of so many events has been taken in; `isLive`: it reached the head. How many chunks to acknowledge now,
   * 0 if that has time.
   */
  readonly taken: (events: number, isLive: boolean) => number
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (): Acknowledging => {
  let isSparing = false
  let chunks = 0
  let events = 0
  return {
    spare: () => {
      isSparing = true
    },
    taken: (count, isLive) => {
      chunks += 1
      events += count
      if (isSparing && count > 0 && isLive && events <= Sparing.MAX_OWED) return 0
      const due = chunks
      chunks = 0
      events = 0
      return due
    }
  }
}
