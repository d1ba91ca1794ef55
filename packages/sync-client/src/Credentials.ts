/**
 * What a connection is opened with: the payload that the server's authorisation asks for, made anew for each
 * connection, and what follows from it.
 *
 * @since 0.1.0
 */
import * as ConnectionUrl from "@tidelog/sync-protocol/ConnectionUrl"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import { evaluate } from "./internal/evaluate.ts"
import { redact } from "./internal/redact.ts"
import * as RequestText from "./RequestText.ts"
import { InvalidOptions } from "./SyncClientError.ts"
import * as SyncSocket from "./SyncSocket.ts"

/**
 * Where the payload comes from: any JSON value, a Promise or an Effect of one, or a function that returns any of
 * these. A function and an Effect are asked at each connection, so that a token may be refreshed.
 *
 * @since 0.1.0
 * @category models
 */
export type PayloadSource<A = unknown> =
  | A
  | Promise<A>
  | Effect.Effect<A, unknown>
  | (() => A | Promise<A> | Effect.Effect<A, unknown>)

/**
 * What one connection is opened with. `claims`: what its requests say of it. `hide`: takes the payload's
 * texts out of a text. `expiresAt`: when the payload ends, in epoch ms, if it says so.
 *
 * @since 0.1.0
 * @category models
 */
export interface Credentials {
  readonly url: string
  readonly claims: string
  readonly hide: (text: string) => string
  readonly expiresAt: number | undefined
}

/**
 * The credentials of one connection, or its end before it has begun: there is nothing to open it with. What was
 * thrown is not told: it may quote a secret.
 *
 * @since 0.1.0
 * @category operations
 */
export const take = (options: {
  readonly url: string
  readonly storeId: string
  readonly payload?: PayloadSource
}): Effect.Effect<Credentials, SyncSocket.ConnectionEnd> =>
  Effect.flatMap(evaluatePayload(options.payload), (payload) =>
    Effect.mapError(make({ ...options, payload }), ({ message }) => missing(message))
  )

/**
 * The end of a connection that has no credentials. `reason`: why, for people.
 *
 * @since 0.1.0
 * @category constructors
 */
export const missing = (reason: string): SyncSocket.ConnectionEnd =>
  SyncSocket.lost(reason, { broken: true })

/**
 * Whether a payload is made for each connection.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isFresh = (payload: PayloadSource): boolean =>
  typeof payload === "function" || Effect.isEffect(payload)

/**
 * Whether a payload is there already, so that it can be looked at.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isPlain = (payload: PayloadSource): boolean =>
  !isFresh(payload) && !Predicate.isPromiseLike(payload)

/**
 * The same, of a payload that is there. The error says which of the options makes no sense, and quotes none.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: {
  readonly url: string
  readonly storeId: string
  readonly payload: unknown
}): Either.Either<Credentials, InvalidOptions> => {
  const { payload, storeId } = options
  let wrong = "payload is no JSON value"
  const urlOf = (storeId: string) =>
    ConnectionUrl.connectionUrl(options.url, {
      storeId,
      payload,
      transport: "ws",
      protocol: ConnectionUrl.PROTOCOL_VERSION
    })
  return Either.try({
    try: () => {
      // As it travels: an object may write itself in another way.
      const sent: unknown = JSON.parse(JSON.stringify(payload) ?? "null")
      wrong = "url is no ws(s) or http(s) URL"
      urlOf("any")
      wrong = "storeId is no text of 1 to 1,024 characters"
      return {
        url: urlOf(storeId),
        claims: RequestText.claims(storeId, payload),
        hide: redact(sent),
        expiresAt: expiresAt(sent)
      }
    },
    catch: () => new InvalidOptions({ message: wrong })
  })
}

/** Milliseconds since the epoch, or an ISO string, as which a Date travels. */
const expiresAt = (payload: unknown): number | undefined => {
  if (!Predicate.hasProperty(payload, "expiresAt")) return undefined
  const at = payload.expiresAt
  const millis = typeof at === "number" ? at : Date.parse(String(at))
  return Number.isNaN(millis) ? undefined : millis
}

const evaluatePayload = (
  payload: PayloadSource
): Effect.Effect<unknown, SyncSocket.ConnectionEnd> =>
  isPlain(payload)
    ? Effect.succeed(payload)
    : Effect.flatMap(
        evaluate(() => (typeof payload === "function" ? payload() : payload)),
        Exit.match({
          // What was thrown may quote a secret; its kind does not.
          onFailure: (cause) =>
            Effect.zipRight(
              Effect.annotateLogs(Effect.logWarning("the payload could not be made"), {
                error: kindOf(Cause.squash(cause))
              }),
              missing("the payload could not be made")
            ),
          onSuccess: Effect.succeed
        })
      )

const kindOf = (error: unknown): string => (error instanceof Error ? error.name : typeof error)
