/**
 * What ends a connection by itself: its authorisation runs out, or it has no pull for too long.
 *
 * @since 0.1.0
 */
import { Handshake } from "@tidelog/sync-protocol"
import type { ConnectionState, Session } from "./Connection.ts"

/**
 * Why a connection is at its end.
 *
 * @since 0.1.0
 * @category models
 */
export interface Ending {
  readonly code: number
  readonly reason: string
}

type Times = Pick<Session, "expiresAt"> & Pick<ConnectionState, "pullBy">

/**
 * When a connection has to be looked at: milliseconds since the epoch, endless if never.
 *
 * @since 0.1.0
 * @category operations
 */
export const next = ({ expiresAt, pullBy }: Times): number =>
  Math.min(expiresAt ?? Number.POSITIVE_INFINITY, pullBy ?? Number.POSITIVE_INFINITY)

/**
 * Whether the authorisation of a connection has run out (SPEC: AUTH-8).
 *
 * @since 0.1.0
 * @category predicates
 */
export const isExpired = ({ expiresAt }: Pick<Session, "expiresAt">, now: number): boolean =>
  expiresAt !== undefined && expiresAt <= now

/**
 * The end of a connection, if it has come (SPEC: AUTH-8, LIMIT-9).
 *
 * @since 0.1.0
 * @category operations
 */
export const ending = (times: Times, now: number): Ending | undefined => {
  if (isExpired(times, now)) return expired
  return times.pullBy !== undefined && times.pullBy <= now ? unused : undefined
}

/**
 * @since 0.1.0
 * @category constants
 */
export const expired: Ending = {
  code: Handshake.CloseCode.unauthorized,
  reason: "the authorisation has expired"
}

const unused: Ending = {
  code: Handshake.CloseCode.policyViolation,
  reason: "no pull is open; please connect again"
}
