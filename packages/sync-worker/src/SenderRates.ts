/**
 * The rates of those who come without a socket: each sender has its own, whatever it sends its requests over,
 * for as long as the object is in memory.
 *
 * @since 0.1.0
 */
import type { Frame, Limits } from "@tidelog/sync-protocol"
import * as Predicate from "effect/Predicate"
import * as RateLimit from "./RateLimit.ts"

/**
 * What is left of the rates of many senders.
 *
 * @since 0.1.0
 * @category models
 */
export interface SenderRates {
  /**
   * Takes one request of a sender off its rates, with as many events as it pushes. `false` if that is more
   * than it may: then nothing is taken. `now`: milliseconds since the epoch.
   */
  readonly take: (
    sender: string,
    events: number,
    limits: Limits.LimitsService,
    now: number
  ) => boolean
}

/** Senders that are remembered. Beyond it the one that was heard of longest ago begins anew. */
const MAX_SENDERS = 1_000

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (): SenderRates => {
  /** Who was heard of last is last. */
  const senders = new Map<
    string,
    { readonly frames: RateLimit.Level; readonly events: RateLimit.Level }
  >()
  return {
    take: (sender, events, limits, now) => {
      const rates = RateLimit.ofLimits(limits)
      const levels = senders.get(sender) ?? {
        frames: RateLimit.make(rates.frames, now),
        events: RateLimit.make(rates.events, now)
      }
      senders.delete(sender)
      senders.set(sender, levels)
      for (const oldest of senders.keys()) {
        if (senders.size <= MAX_SENDERS) break
        senders.delete(oldest)
      }
      return (
        RateLimit.take(levels.frames, rates.frames, 1, now)
        // A batch that is too large is refused as that, and costs nothing.
        && (events > limits.maxBatchEvents
          || RateLimit.take(levels.events, rates.events, events, now))
      )
    }
  }
}

/**
 * How many events a request has, if it is a push: before it is decoded. `push`: the tag of those.
 *
 * @since 0.1.0
 * @category operations
 */
export const eventsOf = ({ payload, tag }: Frame.Request, push: string): number =>
  tag === push && Predicate.isRecord(payload) && Array.isArray(payload["batch"])
    ? payload["batch"].length
    : 0

/**
 * The rates in words, for whom they are too slow.
 *
 * @since 0.1.0
 * @category conversions
 */
export const describeRates = (limits: Limits.LimitsService): string =>
  `a client may send ${limits.framesPerSecond} requests and push ${limits.eventsPerSecond} events a second; try again later`
