/**
 * Letting one connection in, or refusing it in words that its client can read.
 *
 * @since 0.1.0
 */
import { Chunking, Handshake } from "@tidelog/sync-protocol"
import type { Json, Limits } from "@tidelog/sync-protocol"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import { storeObjects } from "./CloudflareEnv.ts"
import type { MissingBinding, BindingOptions } from "./CloudflareEnv.ts"
import * as Cors from "./Cors.ts"
import * as Grant from "./Grant.ts"
import { readBody } from "./internal/body.ts"
import { expiryOf } from "./internal/expiry.ts"
import * as Refusals from "./internal/refusals.ts"
import * as SyncAuth from "./SyncAuth.ts"
import { matchSyncRequest } from "./SyncRequest.ts"

/**
 * What a Worker is told beside who may connect.
 *
 * @since 0.1.0
 * @category models
 */
export interface ConnectOptions extends Cors.CorsOptions, BindingOptions {
  /**
   * What differs from `Limits.defaults`. The Worker enforces `maxPayloadBytes` and `maxStoreIdLength`, and
   * over HTTP `maxFrameBytes`, and leaves the others to the object, so both may be told the same.
   */
  readonly limits?: Limits.LimitChanges
}

/**
 * Decides about a connection with what is built for an `env`.
 *
 * @since 0.1.0
 * @category models
 */
export type Authorise = (
  env: object,
  payload: Json.Json | undefined,
  context: SyncAuth.AuthContext
) => Effect.Effect<unknown, SyncAuth.AuthError>

/**
 * What is known of a connection that is about to be made.
 *
 * @since 0.1.0
 * @category models
 */
export interface Opening extends Omit<ConnectOptions, "limits"> {
  readonly limits: Limits.LimitsService
  readonly authorise: Authorise
  readonly connectionId: string
}

/**
 * Opens a connection, or refuses it.
 *
 * @since 0.1.0
 * @category operations
 */
export const answer = (request: Request, env: object, opening: Opening) =>
  connect(request, env, opening).pipe(
    Effect.catchTags({
      Refused: ({ code, reason }) =>
        Refusals.answerUpgrade(code, reason, Refusals.originOf(request)),
      MissingBinding: notConfigured
    })
  )

/**
 * Answers a request of the HTTP transport, or refuses it. What the store's object answers passes as it is.
 *
 * @since 0.1.0
 * @category operations
 */
export const answerHttp = (request: Request, env: object, opening: Opening) =>
  forward(request, env, opening).pipe(
    Effect.catchTags({
      Refused: ({ code, reason }) => {
        const status = STATUS.get(code) ?? 400
        const headers: Record<string, string> = status === 503 ? { "retry-after": "5" } : {}
        return Refusals.answerHttp(request, { status, reason, headers })
      },
      MissingBinding: notConfigured
    })
  )

/** HTTP's word for a close code. */
const STATUS = new Map<number, number>([
  [Handshake.CloseCode.unauthorized, 401],
  [Handshake.CloseCode.forbidden, 403],
  [Handshake.CloseCode.payloadTooLarge, 413],
  [Handshake.CloseCode.messageTooBig, 413],
  [Handshake.CloseCode.internalError, 500],
  [Handshake.CloseCode.tryAgainLater, 503]
])

const notConfigured = ({ message }: MissingBinding) =>
  Effect.as(
    Effect.logError(message),
    new Response("The sync backend is not configured.\n", { status: 424 })
  )

/** Why a connection does not come to be, in terms of its close frame. */
class Refused extends Schema.TaggedError<Refused>("@tidelog/sync-worker/Refused")("Refused", {
  code: Schema.Int,
  reason: Schema.String
}) {}

const refuse = (code: keyof typeof Handshake.CloseCode, reason: string) =>
  new Refused({ code: Handshake.CloseCode[code], reason })

/** The app made a mistake that its client can do nothing about. */
const mistaken = (message: string, cause?: unknown) =>
  Effect.zipRight(
    cause === undefined ? Effect.logError(message) : Effect.logError(message, Cause.fail(cause)),
    refuse("internalError", "the server made a mistake")
  )

const connect = Effect.fnUntraced(function* (request: Request, env: object, opening: Opening) {
  if (!(yield* Cors.isAllowed(opening, request))) {
    return yield* refuse("forbidden", "this origin may not connect")
  }
  const { headers, object } = yield* admit(request, env, opening, "ws")
  return yield* send(() => object.fetch(request.url, { headers }))
})

/** The origin of an HTTP request has been looked at before, as that of each (see `Cors`). */
const forward = Effect.fnUntraced(function* (request: Request, env: object, opening: Opening) {
  const { maxFrameBytes } = opening.limits
  const tooBig = refuse("messageTooBig", `a request may have ${maxFrameBytes} bytes`)
  if (Number(request.headers.get("content-length") ?? 0) > maxFrameBytes) return yield* tooBig
  const { headers, object } = yield* admit(request, env, opening, "http")
  const body = yield* Effect.mapError(readBody(request, maxFrameBytes), () =>
    refuse("badRequest", "the request broke off")
  )
  if (body === undefined) return yield* tooBig
  // It is another body than what these tell of: whole, and counted.
  for (const name of ["content-length", "transfer-encoding"]) headers.delete(name)
  return yield* send(() => object.fetch(request.url, { method: "POST", headers, body }))
})

/** Who is let in, as headers for the object of the store, and that object. */
const admit = Effect.fnUntraced(function* (
  request: Request,
  env: object,
  opening: Opening,
  transport: Handshake.SearchParams["transport"]
) {
  const { payload, storeId } = yield* readParams(request, opening, transport)
  const objects = yield* storeObjects(env, opening)
  const identity = yield* opening
    .authorise(env, payload, { storeId, headers: request.headers, request })
    .pipe(
      Effect.mapError(
        (error) => new Refused({ code: SyncAuth.closeCode(error), reason: error.reason })
      ),
      Effect.catchAllDefect((defect) => mistaken("authorisation died", defect))
    )
  const expiresAt = yield* Effect.catchAll(expiryOf(identity), (message) => mistaken(message))
  if (expiresAt !== undefined && expiresAt <= (yield* Clock.currentTimeMillis)) {
    return yield* refuse("unauthorized", "the credentials have expired")
  }
  const { connectionId } = opening
  const grant = yield* Effect.try(() =>
    Grant.encode({ connectionId, storeId, payload, identity, expiresAt })
  ).pipe(
    Effect.catchAll(({ error }) =>
      mistaken("the identity that validatePayload gave is no JSON", error)
    )
  )
  const headers = new Headers(request.headers)
  headers.set(Grant.HEADER, grant)
  return { headers, object: objects(storeId) }
})

const send = (fetch: () => Promise<Response>) =>
  Effect.tryPromise(fetch).pipe(
    Effect.tapError(({ error }) => Effect.logError("the object did not answer", Cause.fail(error))),
    Effect.mapError(() => refuse("tryAgainLater", "the store cannot be reached just now"))
  )

/** What a connection asks for, if its search params ask for anything that can be had. */
const readParams = Effect.fnUntraced(function* (
  request: Request,
  { limits }: Pick<Opening, "limits">,
  transport: Handshake.SearchParams["transport"]
) {
  const matched = matchSyncRequest(request)
  if (matched === undefined || Either.isLeft(matched)) {
    return yield* refuse("badRequest", matched?.left.message ?? "not a sync request")
  }
  const { payload, protocol, storeId } = matched.right
  if (matched.right.transport !== transport) {
    return yield* refuse("badRequest", `the transport of this request is ${transport}`)
  }
  if (protocol !== Handshake.PROTOCOL_VERSION) {
    return yield* refuse(
      "unsupportedProtocol",
      `this server speaks protocol ${Handshake.PROTOCOL_VERSION}, not ${protocol}`
    )
  }
  if (storeId.length > limits.maxStoreIdLength) {
    return yield* refuse(
      "badRequest",
      `storeId is longer than ${limits.maxStoreIdLength} characters`
    )
  }
  if (payload !== undefined && jsonBytes(payload) > limits.maxPayloadBytes) {
    return yield* refuse(
      "payloadTooLarge",
      `the payload may have ${limits.maxPayloadBytes} bytes as JSON`
    )
  }
  return { payload, storeId }
})

/** A value that is nested too deeply to be written counts as endless. */
const jsonBytes = (value: unknown): number =>
  Either.getOrElse(
    Either.try(() => Chunking.byteLength(JSON.stringify(value))),
    () => Number.POSITIVE_INFINITY
  )
