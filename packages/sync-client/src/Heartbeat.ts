/**
 * Whether anybody is there. A connection that is silent for a while is pinged; one that does not
 * answer is dead, however open it looks.
 *
 * A value and its transitions, without a timer: the connection's watchdog asks when to look again.
 *
 * @since 0.1.0
 */

/**
 * - `Quiet`: nothing asked; last heard at `heardAt`.
 * - `Asked`: pinged, and waiting until `deadline`. `excused`: the deadline has been extended once
 *   because the timer fired too late, and is not extended again.
 *
 * All times in epoch ms.
 *
 * @since 0.1.0
 * @category models
 */
export type Heartbeat =
  | { readonly _tag: "Quiet"; readonly heardAt: number }
  | { readonly _tag: "Asked"; readonly deadline: number; readonly excused: boolean }

/**
 * A frame came: whatever it was, somebody is there.
 *
 * @since 0.1.0
 * @category transitions
 */
export const heard = (now: number): Heartbeat => ({ _tag: "Quiet", heardAt: now })

/**
 * A ping was sent, to be answered within `within` ms. A deadline that is nearer stays.
 *
 * @since 0.1.0
 * @category transitions
 */
export const asked = (self: Heartbeat, now: number, within: number): Heartbeat =>
  self._tag === "Asked"
    ? { ...self, deadline: Math.min(self.deadline, now + within) }
    : { _tag: "Asked", deadline: now + within, excused: false }

/**
 * The timer fired far too late: the machine slept or was busy, and an answer may lie unread. One
 * more ping, to be answered within `within` ms. `undefined` if that was granted before.
 *
 * @since 0.1.0
 * @category transitions
 */
export const excused = (self: Heartbeat, now: number, within: number): Heartbeat | undefined =>
  self._tag === "Asked" && self.excused
    ? undefined
    : { _tag: "Asked", deadline: now + within, excused: true }

/**
 * When to look again: to ping, or to give up.
 *
 * @since 0.1.0
 * @category getters
 */
export const dueAt = (self: Heartbeat, pingAfter: number): number =>
  self._tag === "Asked" ? self.deadline : self.heardAt + pingAfter
