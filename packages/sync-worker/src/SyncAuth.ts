/**
 * Authorisation: who may open a connection.
 *
 * @since 0.1.0
 */
import { Handshake } from "@tidelog/sync-protocol"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { runUserCode } from "./internal/userCode.ts"
import type { UserResult } from "./internal/userCode.ts"

/**
 * The client did not show who it is, or not convincingly. Its socket is closed with 4401 and
 * `reason`, which the app may show.
 *
 * @since 0.1.0
 * @category errors
 */
export class Unauthorized extends Schema.TaggedError<Unauthorized>(
  "@tidelog/sync-worker/Unauthorized"
)("Unauthorized", { reason: Schema.String }) {
  override get message() {
    return this.reason
  }
}

/**
 * The client is known, and may not use this store. Its socket is closed with 4403 and `reason`.
 *
 * @since 0.1.0
 * @category errors
 */
export class Forbidden extends Schema.TaggedError<Forbidden>("@tidelog/sync-worker/Forbidden")(
  "Forbidden",
  { reason: Schema.String }
) {
  override get message() {
    return this.reason
  }
}

/**
 * Nothing can be said about the client just now: whoever knows does not answer. Its socket is closed
 * with 1013, and it tries again.
 *
 * @since 0.1.0
 * @category errors
 */
export class AuthUnavailable extends Schema.TaggedError<AuthUnavailable>(
  "@tidelog/sync-worker/AuthUnavailable"
)("AuthUnavailable", { reason: Schema.String }) {
  override get message() {
    return this.reason
  }
}

/**
 * Why a connection is not let in.
 *
 * @since 0.1.0
 * @category errors
 */
export type AuthError = Unauthorized | Forbidden | AuthUnavailable

/**
 * What a connection asks with.
 *
 * @since 0.1.0
 * @category models
 */
export interface AuthContext {
  readonly storeId: Handshake.StoreId
  readonly headers: Headers
}

/**
 * An app's rule for who may connect: it returns (or promises, or succeeds with) whatever identifies
 * the client to the hooks, as JSON, or nothing. It refuses by throwing, rejecting or failing with
 * `Unauthorized` or `Forbidden`, and puts off with `AuthUnavailable`, as it does by taking more than
 * 10 s. Any other error refuses with 4401, and keeps its words to the server's log.
 *
 * @since 0.1.0
 * @category models
 */
export type ValidatePayload = (payload: unknown, context: AuthContext) => UserResult<unknown>

/** How long a rule may take: its client waits for an open socket. */
const DEADLINE = "10 seconds"

/**
 * The identity that a rule grants, or why it grants none.
 *
 * @since 0.1.0
 * @category operations
 */
export const authorise = (
  validatePayload: ValidatePayload,
  payload: unknown,
  context: AuthContext
): Effect.Effect<unknown, AuthError> =>
  runUserCode(() => validatePayload(payload, context)).pipe(
    Effect.catchTag("UserCodeError", ({ cause }) =>
      isAuthError(cause)
        ? Effect.fail(cause)
        : Effect.zipRight(
            Effect.logError("validatePayload failed", Cause.fail(cause)),
            new Unauthorized({ reason: "the credentials were not accepted" })
          )
    ),
    // One that cannot be interrupted is left to itself.
    Effect.disconnect,
    Effect.timeoutFail({
      duration: DEADLINE,
      onTimeout: () => new AuthUnavailable({ reason: "authorisation takes too long just now" })
    })
  )

const isAuthError = Schema.is(Schema.Union(Unauthorized, Forbidden, AuthUnavailable))

/**
 * The close code for a connection that is not let in.
 *
 * @since 0.1.0
 * @category conversions
 */
export const closeCode = ({ _tag }: AuthError): number => {
  switch (_tag) {
    case "Unauthorized":
      return Handshake.CloseCode.unauthorized
    case "Forbidden":
      return Handshake.CloseCode.forbidden
    case "AuthUnavailable":
      return Handshake.CloseCode.tryAgainLater
  }
}
