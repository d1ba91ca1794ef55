/**
 * The Worker in front of the objects: it opens connections, and refuses them.
 *
 * @since 0.1.0
 */
import { Chunking, Handshake, Limits } from "@tidelog/sync-protocol"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import { durableObjects } from "./CloudflareEnv.ts"
import * as Grant from "./Grant.ts"
import { describe } from "./internal/describe.ts"
import { randomHex } from "./internal/randomHex.ts"
import * as Sockets from "./internal/sockets.ts"
import * as SyncAuth from "./SyncAuth.ts"

/**
 * @since 0.1.0
 * @category models
 */
export interface SyncOptions {
  /** Who may connect. Without it, everybody who reaches the Worker. */
  readonly validatePayload?: SyncAuth.ValidatePayload
  /** The name of the Durable Object binding; `WEBSOCKET_SERVER` if not told. */
  readonly durableObject?: { readonly name?: string }
  /** The same, by the name that the official package has for it. */
  readonly syncBackendBinding?: string
  /** What differs from `Limits.defaults` in opening a connection. */
  readonly limits?: Partial<Pick<Limits.LimitsService, "maxPayloadBytes" | "maxStoreIdLength">>
}

/**
 * A request that asks for a sync connection: its search params, or what is wrong with them.
 *
 * @since 0.1.0
 * @category models
 */
export type SyncRequest = Either.Either<Handshake.SearchParams, InvalidSearchParams>

/**
 * The search params do not open a connection. `message` says why.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidSearchParams extends Schema.TaggedError<InvalidSearchParams>(
  "@tidelog/sync-worker/InvalidSearchParams"
)("InvalidSearchParams", { message: Schema.String }) {}

const decodeSearchParams = Schema.decodeUnknownEither(Handshake.SearchParams)

/**
 * Whether a request is for the sync backend (SPEC: HAND-3): its path ends in `/websocket`, or it
 * carries a valid `storeId` and `transport`, or is an upgrade that carries both, valid or not.
 * `undefined` if it is not, so that a Worker can go on to its other routes.
 *
 * @since 0.1.0
 * @category routing
 */
export const matchSyncRequest = (request: Request): SyncRequest | undefined => {
  const url = new URL(request.url)
  const params = Either.mapLeft(
    decodeSearchParams(Object.fromEntries(url.searchParams)),
    (error) => new InvalidSearchParams({ message: describe(error) })
  )
  if (url.pathname.endsWith(Handshake.SYNC_PATH)) return params
  const names = ["storeId", "transport"].every((name) => url.searchParams.has(name))
  return names && (Either.isRight(params) || isUpgrade(request)) ? params : undefined
}

const isUpgrade = (request: Request): boolean =>
  request.headers.get("upgrade")?.toLowerCase() === "websocket"

/**
 * Opens a sync connection, or refuses it in a way that a browser can read: with a close code and a
 * reason (SPEC: HAND-5). A refused connection never reaches its store's object.
 *
 * `request`: one that `matchSyncRequest` matches. `env`: the Worker's bindings.
 *
 * @since 0.1.0
 * @category handlers
 */
export const handleWebSocket = (
  request: Request,
  env: object,
  _ctx: ExecutionContext,
  options: SyncOptions = {}
): Promise<Response> => {
  if (!isUpgrade(request)) {
    return Promise.resolve(
      new Response("This is a sync backend: connect to it with a WebSocket.\n", {
        status: 426,
        headers: { connection: "Upgrade", upgrade: "websocket" }
      })
    )
  }
  return Effect.flatMap(randomHex(8), (connectionId) =>
    answer(request, env, options, connectionId).pipe(
      Effect.annotateLogs({ storeId: storeIdOf(request), connectionId })
    )
  ).pipe(Effect.provide(Logger.json), Effect.runPromise)
}

const answer = (request: Request, env: object, options: SyncOptions, connectionId: string) =>
  connect(request, env, options, connectionId).pipe(
    Effect.catchTags({
      Refused: ({ code, reason }) =>
        Effect.logWarning("connection refused").pipe(
          Effect.annotateLogs({ code, reason }),
          Effect.as(Sockets.refuse(code, reason))
        ),
      MissingBinding: (error) =>
        Effect.as(
          Effect.logError(error.message),
          new Response("The sync backend is not configured.\n", { status: 424 })
        )
    })
  )

/** Why a connection does not come to be, in terms of its close frame. */
class Refused extends Schema.TaggedError<Refused>("@tidelog/sync-worker/Refused")("Refused", {
  code: Schema.Int,
  reason: Schema.String
}) {}

const connect = Effect.fnUntraced(function* (
  request: Request,
  env: object,
  options: SyncOptions,
  connectionId: string
) {
  const matched = matchSyncRequest(request)
  if (matched === undefined || Either.isLeft(matched)) {
    return yield* new Refused({
      code: Handshake.CloseCode.badRequest,
      reason: matched?.left.message ?? "not a sync request"
    })
  }
  const { payload, protocol, storeId } = matched.right
  if (protocol !== Handshake.PROTOCOL_VERSION) {
    return yield* new Refused({
      code: Handshake.CloseCode.unsupportedProtocol,
      reason: `this server speaks protocol ${Handshake.PROTOCOL_VERSION}, not ${protocol}`
    })
  }
  const objects = yield* durableObjects(
    env,
    options.syncBackendBinding ?? options.durableObject?.name ?? "WEBSOCKET_SERVER"
  )
  const limits = { ...Limits.Limits.defaults, ...options.limits }
  if (storeId.length > limits.maxStoreIdLength) {
    return yield* new Refused({
      code: Handshake.CloseCode.badRequest,
      reason: `storeId is longer than ${limits.maxStoreIdLength} characters`
    })
  }
  if (payload !== undefined && jsonBytes(payload) > limits.maxPayloadBytes) {
    return yield* new Refused({
      code: Handshake.CloseCode.payloadTooLarge,
      reason: `the payload may have ${limits.maxPayloadBytes} bytes as JSON`
    })
  }
  const { validatePayload } = options
  const identity =
    validatePayload === undefined
      ? undefined
      : yield* SyncAuth.authorise(validatePayload, payload, {
          storeId,
          headers: request.headers
        }).pipe(
          Effect.mapError(
            (error) => new Refused({ code: SyncAuth.closeCode(error), reason: error.reason })
          )
        )
  const grant = yield* Effect.try(() =>
    Grant.encode({ connectionId, storeId, payload, identity })
  ).pipe(
    Effect.tapError(({ error }) =>
      Effect.logError("the identity that validatePayload gave is no JSON", Cause.fail(error))
    ),
    Effect.mapError(
      () =>
        new Refused({
          code: Handshake.CloseCode.internalError,
          reason: "the server made a mistake"
        })
    )
  )
  const headers = new Headers(request.headers)
  headers.set(Grant.HEADER, grant)
  return yield* Effect.tryPromise(() =>
    objects.get(objects.idFromName(storeId)).fetch(request.url, { headers })
  ).pipe(
    Effect.tapError(({ error }) => Effect.logError("the object did not answer", Cause.fail(error))),
    Effect.mapError(
      () =>
        new Refused({
          code: Handshake.CloseCode.tryAgainLater,
          reason: "the store cannot be reached just now"
        })
    )
  )
})

/** A value that is nested too deeply to be written counts as endless. */
const jsonBytes = (value: unknown): number =>
  Either.getOrElse(
    Either.try(() => Chunking.byteLength(JSON.stringify(value))),
    () => Number.POSITIVE_INFINITY
  )

const storeIdOf = (request: Request): string =>
  new URL(request.url).searchParams.get("storeId")?.slice(0, 256) ?? ""

/**
 * A whole Worker: the sync route, and a line of text for whoever looks at it in a browser.
 *
 * ```ts
 * export default makeWorker({ validatePayload: (payload) => … })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeWorker = (
  options: SyncOptions = {}
): { fetch: (request: Request, env: object, ctx: ExecutionContext) => Promise<Response> } => ({
  fetch: (request, env, ctx) => {
    if (matchSyncRequest(request) !== undefined) {
      return handleWebSocket(request, env, ctx, options)
    }
    return Promise.resolve(
      new URL(request.url).pathname === "/"
        ? new Response("A Tidelog sync backend. LiveStore apps connect to /websocket.\n")
        : new Response("Not found.\n", { status: 404 })
    )
  }
})
