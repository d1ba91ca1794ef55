/**
 * Letting one call in, or refusing it.
 *
 * @since 0.1.0
 */
import { DoRpcMessage, Handshake, Json } from "@tidelog/sync-protocol"
import type { Frame, Refusal } from "@tidelog/sync-protocol"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import type { Session } from "../Connection.ts"
import type { DoRpcHost } from "../DoRpcTransport.ts"
import { describe } from "../internal/describe.ts"
import { expiryOf } from "../internal/expiry.ts"
import { randomHex } from "../internal/randomHex.ts"
import * as SyncAuth from "../SyncAuth.ts"
import { refuse } from "./Answer.ts"
import type { Refused } from "./Answer.ts"
import * as Callers from "./Callers.ts"

/**
 * The app's rule for calls. `caller`: the object that wants to be called back, if it is a pull that wants that.
 *
 * @since 0.1.0
 * @category models
 */
export type Rule = (
  payload: Json.Json | undefined,
  context: {
    readonly storeId: Handshake.StoreId
    readonly caller: DoRpcMessage.CallerContext | undefined
  }
) => unknown

/**
 * A call that is let in. `caller`: the object that is called back, if it is a pull that wants that.
 *
 * @since 0.1.0
 * @category models
 */
export interface Admitted {
  readonly frame: Frame.Request
  readonly session: Session
  readonly caller:
    | { readonly context: DoRpcMessage.CallerContext; readonly object: Callers.Caller }
    | undefined
}

/** Where a socket would be closed with its code. */
const refusalOf = ({ _tag }: SyncAuth.AuthError): Refusal.RefusalName => {
  switch (_tag) {
    case "InvalidPayload":
      return "InvalidRequest"
    case "Unauthorized":
    case "Forbidden":
      return _tag
    case "AuthUnavailable":
      return "StorageUnavailable"
  }
}

const Claims = Schema.Struct({
  storeId: Handshake.StoreId,
  payload: Schema.optional(Json.FromParsed)
})

const decodeClaims = Schema.decodeUnknownEither(Claims)
const decodePull = Schema.decodeUnknownEither(DoRpcMessage.PullRequest)

/**
 * Lets a call in, or fails with the frame that says why not. `callers`: the bindings that may subscribe.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (host: DoRpcHost, callers: ReadonlySet<string>, rule: Rule | undefined) => {
  const authorise = (
    payload: Json.Json | undefined,
    storeId: Handshake.StoreId,
    caller: DoRpcMessage.CallerContext | undefined
  ): Effect.Effect<unknown, SyncAuth.AuthError> =>
    rule === undefined
      ? Effect.void
      : SyncAuth.authorise(() => rule(payload, { storeId, caller }), payload, {
          storeId,
          headers: new Headers()
        })

  return Effect.fnUntraced(function* (frame: Frame.Request): Effect.fn.Return<Admitted, Refused> {
    const owner = { storeId: host.storeId() ?? "", connectionId: yield* randomHex(8) }
    const claims = decodeClaims(frame.payload)
    if (Either.isLeft(claims)) {
      return yield* refuse(frame, owner, "InvalidRequest", describe(claims.left))
    }
    const { payload, storeId } = claims.right
    // Whatever the call says: one object, one store.
    if (storeId !== host.storeId()) {
      return yield* refuse(frame, owner, "StoreMismatch", "this object is for another store")
    }
    let caller: Admitted["caller"]
    if (frame.tag === DoRpcMessage.PULL) {
      const pull = decodePull(frame.payload)
      if (Either.isLeft(pull)) {
        return yield* refuse(frame, owner, "InvalidRequest", describe(pull.left))
      }
      const context = pull.right.rpcContext?.callerContext
      if (context !== undefined) {
        const object = yield* Effect.catchTag(
          Callers.find(host.env, callers, context),
          "UnknownCaller",
          ({ reason }) => refuse(frame, owner, "PullRejected", reason)
        )
        caller = { context, object }
      }
    }
    const identity = yield* authorise(payload, storeId, caller?.context).pipe(
      Effect.catchAll((error) => refuse(frame, owner, refusalOf(error), error.reason))
    )
    const expiresAt = yield* Effect.catchAll(expiryOf(identity), (message) =>
      Effect.zipRight(
        Effect.logError(message),
        refuse(frame, owner, "StorageUnavailable", "the server made a mistake")
      )
    )
    if (expiresAt !== undefined && expiresAt <= (yield* Clock.currentTimeMillis)) {
      return yield* refuse(frame, owner, "Unauthorized", "the credentials have expired")
    }
    const session: Session = { ...owner, storeId, payload, identity, expiresAt, headers: {} }
    return { frame, session, caller }
  })
}
