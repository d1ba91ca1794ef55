import { Handshake } from "@tidelog/sync-protocol"
import * as Predicate from "effect/Predicate"
import type { Session } from "../Connection.ts"
import type { Ending } from "../Deadline.ts"
import { isContained } from "./contained.ts"

/** Whether a connection is one of those that an identity names (SPEC: AUTH-9). */
export const isOf =
  (identity: unknown) =>
  (session: Pick<Session, "identity">): boolean =>
    Predicate.isNotUndefined(session.identity) && isContained(identity, session.identity)

export const revoked: Ending = {
  code: Handshake.CloseCode.unauthorized,
  reason: "the access was revoked"
}
