/**
 * Authorisation: who may open a connection.
 *
 * @since 0.1.0
 */
import { Handshake } from "@tidelog/sync-protocol"
import type { Json } from "@tidelog/sync-protocol"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { describePlace } from "./internal/describe.ts"
import { runRule, runUserCode } from "./internal/userCode.ts"

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
 * The payload is not what this backend's apps send. Its socket is closed with 4400 and `reason`,
 * which says where it differs and never what stood there.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidPayload extends Schema.TaggedError<InvalidPayload>(
  "@tidelog/sync-worker/InvalidPayload"
)("InvalidPayload", { reason: Schema.String }) {
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
export type AuthError = Unauthorized | Forbidden | AuthUnavailable | InvalidPayload

/**
 * What a connection asks with. `request`: the upgrade itself, where there is one.
 *
 * @since 0.1.0
 * @category models
 */
export interface AuthContext {
  readonly storeId: Handshake.StoreId
  readonly headers: Headers
  readonly request?: Request
}

/** Any value. Written out: `unknown` would swallow the Effect beside it, and what that needs. */
// oxlint-disable-next-line typescript/no-generated-empty-object-type
type Identity = NonNullable<unknown> | null | undefined | void

/**
 * An app's rule for who may connect: it returns (or promises, or succeeds with) whatever identifies
 * the client to the hooks, as JSON, or nothing. An `expiresAt` in it (milliseconds since the epoch, a
 * Date, or an ISO string) is when the connection ends. It refuses by throwing, rejecting or failing
 * with `Unauthorized` or `Forbidden`, and puts off with `AuthUnavailable`, as it does by taking more
 * than 10 s. Any other error, and any defect, refuses with 4401, and keeps its words to the server's log;
 * so does an answer of `false`, an error or a `Response`, which has no words.
 *
 * `R`: the services that its Effect needs. `Payload`: what the payload is decoded to, if it is;
 * else it is JSON, or `undefined` if the client sent none.
 *
 * @since 0.1.0
 * @category models
 */
export type ValidatePayload<R = never, Payload = Json.Json | undefined> = (
  payload: Payload,
  context: AuthContext
) => Identity | Promise<unknown> | Effect.Effect<unknown, unknown, R>

/**
 * Who may connect.
 *
 * @since 0.1.0
 * @category models
 */
export interface SyncAuthService {
  /**
   * The identity of whoever asks to connect, as JSON, or why they may not. `payload`: as it was sent;
   * `undefined` if none was.
   */
  readonly authorise: (
    payload: Json.Json | undefined,
    context: AuthContext
  ) => Effect.Effect<unknown, AuthError>
}

/**
 * The authorisation of connections. Its layers: `layerNone`, and `layer` by a rule of the app's.
 *
 * @since 0.1.0
 * @category tags
 */
export class SyncAuth extends Context.Tag("@tidelog/sync-worker/SyncAuth")<
  SyncAuth,
  SyncAuthService
>() {}

/**
 * Everyone may connect, and nobody has an identity.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerNone: Layer.Layer<SyncAuth> = Layer.succeed(SyncAuth, {
  authorise: () => Effect.void
})

/** How long a rule may take: its client waits for an open socket. */
const DEADLINE = "10 seconds"

/**
 * The identity that a rule grants, or why it grants none.
 *
 * @since 0.1.0
 * @category operations
 */
export const authorise = <R = never>(
  validatePayload: ValidatePayload<R>,
  payload: Json.Json | undefined,
  context: AuthContext
): Effect.Effect<unknown, AuthError, R> =>
  runRule<unknown, R>(() => validatePayload(payload, context)).pipe(
    Effect.catchTags({
      UserCodeFailure: ({ error }) => notAccepted(error, Cause.fail(error)),
      // An error of ours holds nothing that its client may not read, however it was thrown.
      UserCodeDefect: ({ cause }) => notAccepted(Cause.squash(cause), cause)
    }),
    // One that cannot be interrupted is left to itself.
    Effect.disconnect,
    Effect.timeoutFail({
      duration: DEADLINE,
      onTimeout: () => new AuthUnavailable({ reason: "authorisation takes too long just now" })
    })
  )

/** Why a rule that did not end well lets nobody in. */
const notAccepted = (
  error: unknown,
  cause: Cause.Cause<unknown>
): Effect.Effect<never, AuthError> =>
  isAuthError(error)
    ? Effect.fail(error)
    : Effect.zipRight(
        Effect.logError("validatePayload failed", cause),
        new Unauthorized({ reason: "the credentials were not accepted" })
      )

/**
 * Authorisation by a rule.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = <R = never>(
  validatePayload: ValidatePayload<R>
): Layer.Layer<SyncAuth, never, R> =>
  Layer.effect(
    SyncAuth,
    Effect.map(Effect.context<R>(), (services) => ({
      authorise: (payload, context) =>
        Effect.provide(authorise(validatePayload, payload, context), services)
    }))
  )

/**
 * A rule for a payload of a known shape. What does not decode is refused, and the rule never asked.
 *
 * `schema`: also decodes `undefined` if clients without a payload are to reach the rule. It may not
 * need services, nor wait.
 *
 * @since 0.1.0
 * @category combinators
 */
export const withSchema = <Payload, Encoded, R = never>(
  schema: Schema.Schema<Payload, Encoded>,
  validatePayload: ValidatePayload<R, Payload> = () => {}
): ValidatePayload<R> => {
  const decode = Schema.decodeUnknown(schema)
  return (payload, context) =>
    decode(payload).pipe(
      Effect.mapError(
        (error) => new InvalidPayload({ reason: describePlace("the payload", error) })
      ),
      // The rule's own error goes on as it is.
      // @effect-diagnostics-next-line anyUnknownInErrorContext:off
      Effect.flatMap((decoded) =>
        runUserCode<unknown, R>(() => validatePayload(decoded, context)).pipe(
          Effect.catchTags({
            UserCodeFailure: ({ error }) => Effect.fail(error),
            UserCodeDefect: ({ cause }) => Effect.failCause(cause)
          })
        )
      )
    )
}

const isAuthError = Schema.is(
  Schema.Union(Unauthorized, Forbidden, AuthUnavailable, InvalidPayload)
)

/**
 * The close code for a connection that is not let in.
 *
 * @since 0.1.0
 * @category conversions
 */
export const closeCode = ({ _tag }: AuthError): number => {
  switch (_tag) {
    case "InvalidPayload":
      return Handshake.CloseCode.badRequest
    case "Unauthorized":
      return Handshake.CloseCode.unauthorized
    case "Forbidden":
      return Handshake.CloseCode.forbidden
    case "AuthUnavailable":
      return Handshake.CloseCode.tryAgainLater
  }
}
