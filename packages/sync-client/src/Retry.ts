/**
 * What follows the end of a connection: a refusal that stands, or another attempt, and when. It knows no clock.
 *
 * @since 0.1.0
 */
import * as Closing from "@tidelog/sync-protocol/Closing"
import type { Outcome } from "./Connection.ts"
import * as SyncSocket from "./SyncSocket.ts"

/**
 * What is known of the attempts so far.
 *
 * - `failures`: attempts in a row that came to nothing.
 * - `renewals`: attempts since a connection has lasted with a payload made anew, because the one before has ended.
 * - `isAdmitted`: whether the server has let this client in, and has not refused it since.
 * - `changes`: how often something had happened that may have mended the network.
 *
 * @since 0.1.0
 * @category models
 */
export interface Attempts {
  readonly failures: number
  readonly renewals: number
  readonly isAdmitted: boolean
  readonly changes: number
}

/**
 * @since 0.1.0
 * @category constants
 */
export const none: Attempts = { failures: 0, renewals: 0, isAdmitted: false, changes: 0 }

/**
 * - `Refused`: none, until somebody asks for it.
 * - `AtOnce`: as soon as attempts may follow each other.
 * - `Spread`: likewise, after a while that differs from client to client.
 * - `BackOff`: after the next wait of the schedule.
 * - `Renew`: likewise, with a payload made anew, and no sooner than attempts may follow each other.
 *
 * @since 0.1.0
 * @category models
 */
export type Next = "Refused" | "AtOnce" | "Spread" | "BackOff" | "Renew"

/**
 * A token that ends, and the next one, are not always there at one time: the clocks differ. With the waits in
 * between, some seconds.
 */
const MAX_RENEWALS = 6

/** By itself: an app need not carry the other codes. */
const UNAUTHORIZED: typeof Closing.CloseCode.unauthorized = 4401

/**
 * How a connection has ended. `code`: its close code. `canRenew`: whether the next one may be let in where this
 * one was not, as its payload is made anew. `changes`: as they are now.
 *
 * @since 0.1.0
 * @category models
 */
export interface Ended extends Pick<Outcome<unknown>, "worked"> {
  readonly code: number
  readonly canRenew: boolean
  readonly changes: number
}

/**
 * The next step. `isReset`: whether the schedule's waits begin anew before it.
 *
 * @since 0.1.0
 * @category operations
 */
export const after = (
  before: Attempts,
  { canRenew, changes, code, worked }: Ended
): { readonly attempts: Attempts; readonly next: Next; readonly isReset: boolean } => {
  const hasLasted = worked === "lasted"
  const isAdmitted = before.isAdmitted || worked !== "no"
  const renewals = hasLasted ? 0 : before.renewals
  // The credentials of who was let in before have ended, maybe while there was no network: there may be others
  // by now, or soon.
  const isRenewal = canRenew && code === UNAUTHORIZED && isAdmitted && renewals < MAX_RENEWALS
  if (Closing.isRefusal(code) && !isRenewal) {
    return { attempts: { ...none, changes }, next: "Refused", isReset: true }
  }
  if (isRenewal) {
    return {
      attempts: { failures: 0, renewals: renewals + 1, isAdmitted, changes },
      next: "Renew",
      isReset: renewals === 0 || changes !== before.changes
    }
  }
  // One that answered, and did not last, is tried again at once, and then no more.
  const isFirst = hasLasted || (worked === "answered" && before.failures === 0)
  return {
    attempts: { failures: hasLasted ? 0 : before.failures + 1, renewals, isAdmitted, changes },
    next: !isFirst ? "BackOff" : code === SyncSocket.LOST ? "AtOnce" : "Spread",
    // A device says early that there is a network: what fails then is soon tried again.
    isReset: hasLasted || changes !== before.changes
  }
}
