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
 * `Unauthorized` or `Forbidden`. Any other error refuses as well, with 4401, and keeps its words to
 * the server's log.
 *
 * @since 0.1.0
 * @category models
 */
export type ValidatePayload = (payload: unknown, context: AuthContext) => UserResult<unknown>

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
): Effect.Effect<unknown, Unauthorized | Forbidden> =>
  runUserCode(() => validatePayload(payload, context)).pipe(
    Effect.catchTag("UserCodeError", ({ cause }) =>
      isRefusal(cause)
        ? Effect.fail(cause)
        : Effect.zipRight(
            Effect.logError("validatePayload failed", Cause.fail(cause)),
            new Unauthorized({ reason: "the credentials were not accepted" })
          )
    )
  )

const isRefusal = Schema.is(Schema.Union(Unauthorized, Forbidden))

/**
 * The close code of a refusal.
 *
 * @since 0.1.0
 * @category conversions
 */
export const closeCode = (refusal: Unauthorized | Forbidden): number =>
  refusal._tag === "Unauthorized" ? Handshake.CloseCode.unauthorized : Handshake.CloseCode.forbidden
