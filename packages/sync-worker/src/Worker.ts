/**
 * The Worker in front of the objects: it opens connections, and refuses them.
 *
 * @since 0.1.0
 */
import { Chunking, Handshake, Limits } from "@tidelog/sync-protocol"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"
import * as AdminRoutes from "./AdminRoutes.ts"
import { CloudflareEnv, storeObjects } from "./CloudflareEnv.ts"
import type { ObjectsOptions } from "./CloudflareEnv.ts"
import * as Cors from "./Cors.ts"
import * as Grant from "./Grant.ts"
import { describe } from "./internal/describe.ts"
import { expiryOf } from "./internal/expiry.ts"
import { makeOnce } from "./internal/once.ts"
import { randomHex } from "./internal/randomHex.ts"
import { provideServices } from "./internal/services.ts"
import type { ServicesOption } from "./internal/services.ts"
import * as Sockets from "./internal/sockets.ts"
import * as SyncAuth from "./SyncAuth.ts"

/**
 * What a Worker is told beside who may connect.
 *
 * @since 0.1.0
 * @category models
 */
export interface ConnectOptions extends Cors.CorsOptions, ObjectsOptions {
  /** What differs from `Limits.defaults` in opening a connection. */
  readonly limits?: Partial<Pick<Limits.LimitsService, "maxPayloadBytes" | "maxStoreIdLength">>
}

/**
 * What a whole Worker is told beside who may connect: also where its objects keep the events, for
 * its admin and health routes.
 *
 * @since 0.1.0
 * @category models
 */
export interface WorkerOptions extends ConnectOptions, AdminRoutes.AdminOptions {}

/**
 * What a Worker is told, with its rule for who may connect.
 *
 * @since 0.1.0
 * @category models
 */
export interface SyncOptions<
  Payload = unknown,
  Encoded = Payload,
  R = never
> extends ConnectOptions {
  /** What a payload looks like: any other is refused, and `validatePayload` gets the decoded one. */
  readonly syncPayloadSchema?: Schema.Schema<Payload, Encoded>
  /** Who may connect. Without it, everybody who reaches the Worker. */
  readonly validatePayload?: SyncAuth.ValidatePayload<R, NoInfer<Payload>>
}

/**
 * A Layer that decides who may connect. It is built once for each `env`, by the first request: what
 * it opens must not belong to that request.
 *
 * @since 0.1.0
 * @category models
 */
export type AuthLayer<E = never> = Layer.Layer<SyncAuth.SyncAuth, E, CloudflareEnv>

/**
 * The handlers of a Worker, to be its default export.
 *
 * @since 0.1.0
 * @category models
 */
export interface SyncWorker {
  readonly fetch: (request: Request, env: object, ctx: ExecutionContext) => Promise<Response>
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
 * `request`: one that `matchSyncRequest` matches. `env`: the Worker's bindings. `options`: who may
 * connect, as `validatePayload` or as a `layer`. A Layer that is the same value at each call is built
 * once.
 *
 * @since 0.1.0
 * @category handlers
 */
export const handleWebSocket = <Payload = unknown, Encoded = Payload, E = never>(
  request: Request,
  env: object,
  _ctx: ExecutionContext,
  options: HandlerOptions<Payload, Encoded, E> = {}
): Promise<Response> => {
  const handle =
    options.layer === undefined
      ? makeHandler(toLayer(options), options)
      : makeHandler(options.layer, options)
  return Cors.guard(options, request, () => handle(request, env))
}

/**
 * What `handleWebSocket` is told: who may connect, as a rule or as a Layer.
 *
 * @since 0.1.0
 * @category models
 */
export type HandlerOptions<Payload = unknown, Encoded = Payload, E = never> =
  | (SyncOptions<Payload, Encoded> & { readonly layer?: undefined })
  | (ConnectOptions & { readonly layer: AuthLayer<E> })

/** Who may connect, as options say it. */
const toLayer = <Payload, Encoded, R>(
  options: SyncOptions<Payload, Encoded, R>
): Layer.Layer<SyncAuth.SyncAuth, never, R> => {
  const { syncPayloadSchema, validatePayload } = options
  if (syncPayloadSchema !== undefined) {
    return SyncAuth.layer(SyncAuth.withSchema(syncPayloadSchema, validatePayload))
  }
  return validatePayload === undefined
    ? SyncAuth.SyncAuth.layerNone
    : // Without a Schema, `Payload` is `unknown`.
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion
      SyncAuth.layer((payload, context) => validatePayload(payload as Payload, context))
}

/** What is built of a Layer: one service for each `env`. */
const builds = new WeakMap<object, RuntimeOf>()

type RuntimeOf = (
  env: object
) => Effect.Effect<Runtime.Runtime<SyncAuth.SyncAuth>, SyncAuth.AuthUnavailable>

const builtOf = <E>(layer: AuthLayer<E>): RuntimeOf => {
  const known = builds.get(layer)
  if (known !== undefined) return known
  const build = makeOnce((env: object) => Layer.provide(layer, Layer.succeed(CloudflareEnv, env)))
  const runtimeOf: RuntimeOf = (env) =>
    Effect.catchAllCause(build(env), (cause) =>
      Effect.zipRight(
        Effect.logError("the authorisation could not be built", cause),
        new SyncAuth.AuthUnavailable({ reason: "authorisation is not possible just now" })
      )
    )
  builds.set(layer, runtimeOf)
  return runtimeOf
}

/** The handler without what pages of other origins ask for. */
const makeHandler = <E>(
  layer: AuthLayer<E>,
  options: ConnectOptions
): ((request: Request, env: object) => Promise<Response>) => {
  const runtimeOf = builtOf(layer)
  /** Decides with the services that are built for this `env`. */
  const authorise: Authorise = (env, payload, context) =>
    Effect.flatMap(runtimeOf(env), (runtime) =>
      Effect.flatMap(SyncAuth.SyncAuth, (auth) => auth.authorise(payload, context)).pipe(
        Effect.provide(runtime)
      )
    )
  return (request, env) => {
    if (!isUpgrade(request)) {
      return Promise.resolve(
        new Response("This is a sync backend: connect to it with a WebSocket.\n", {
          status: 426,
          headers: { connection: "Upgrade", upgrade: "websocket" }
        })
      )
    }
    return Effect.flatMap(randomHex(8), (connectionId) =>
      answer(request, env, { ...options, authorise, connectionId }).pipe(
        Effect.annotateLogs({ storeId: storeIdOf(request), connectionId })
      )
    ).pipe(Effect.provide(Logger.json), Effect.runPromise)
  }
}

type Authorise = (
  env: object,
  payload: unknown,
  context: SyncAuth.AuthContext
) => Effect.Effect<unknown, SyncAuth.AuthError>

/** What is known of a connection that is about to be made. */
interface Opening extends ConnectOptions {
  readonly authorise: Authorise
  readonly connectionId: string
}

const answer = (request: Request, env: object, opening: Opening) =>
  connect(request, env, opening).pipe(
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

const refuse = (code: keyof typeof Handshake.CloseCode, reason: string) =>
  new Refused({ code: Handshake.CloseCode[code], reason })

/** The app made a mistake that its client can do nothing about. */
const mistaken = (message: string, cause?: unknown) =>
  Effect.zipRight(
    cause === undefined ? Effect.logError(message) : Effect.logError(message, Cause.fail(cause)),
    refuse("internalError", "the server made a mistake")
  )

const connect = Effect.fnUntraced(function* (request: Request, env: object, opening: Opening) {
  if (!Cors.isAllowed(opening, request)) {
    return yield* refuse("forbidden", "this origin may not connect")
  }
  const { payload, storeId } = yield* readParams(request, opening)
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
  return yield* Effect.tryPromise(() => objects(storeId).fetch(request.url, { headers })).pipe(
    Effect.tapError(({ error }) => Effect.logError("the object did not answer", Cause.fail(error))),
    Effect.mapError(() => refuse("tryAgainLater", "the store cannot be reached just now"))
  )
})

/** What a connection asks for, if its search params ask for anything that can be had. */
const readParams = Effect.fnUntraced(function* (request: Request, options: ConnectOptions) {
  const matched = matchSyncRequest(request)
  if (matched === undefined || Either.isLeft(matched)) {
    return yield* refuse("badRequest", matched?.left.message ?? "not a sync request")
  }
  const { payload, protocol, storeId } = matched.right
  if (protocol !== Handshake.PROTOCOL_VERSION) {
    return yield* refuse(
      "unsupportedProtocol",
      `this server speaks protocol ${Handshake.PROTOCOL_VERSION}, not ${protocol}`
    )
  }
  const limits = { ...Limits.Limits.defaults, ...options.limits }
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

const storeIdOf = (request: Request): string =>
  new URL(request.url).searchParams.get("storeId")?.slice(0, 256) ?? ""

/** Answers a request, or leaves it to the next one. */
type Route = (request: Request, env: object) => Promise<Response> | undefined

/** A line of text for whoever looks at the backend in a browser. */
const root: Route = (request) =>
  new URL(request.url).pathname === "/"
    ? Promise.resolve(
        new Response("A Tidelog sync backend. LiveStore apps connect to /websocket.\n")
      )
    : undefined

/**
 * A whole Worker whose authorisation is a Layer: the sync route, those for whoever looks after stores,
 * and a line of text for whoever looks at it in a browser.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeWorkerFromLayer = <E>(
  layer: AuthLayer<E>,
  options: WorkerOptions = {}
): SyncWorker => {
  const handle = makeHandler(layer, options)
  const sync: Route = (request, env) =>
    matchSyncRequest(request) === undefined ? undefined : handle(request, env)
  const routes: ReadonlyArray<Route> = [AdminRoutes.makeRoute(options), sync, root]
  return {
    fetch: (request, env) =>
      Cors.guard(options, request, () => {
        for (const route of routes) {
          const answered = route(request, env)
          if (answered !== undefined) return answered
        }
        return Promise.resolve(new Response("Not found.\n", { status: 404 }))
      })
  }
}

/**
 * A whole Worker:
 *
 * ```ts
 * export default makeWorker({ validatePayload: (payload) => … })
 * ```
 *
 * `services`: a Layer of what the Effects of `validatePayload` need, asked for if they need anything.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeWorker = <Payload = unknown, Encoded = Payload, R = never, E = never>(
  options?: SyncOptions<Payload, Encoded, R> & WorkerOptions & ServicesOption<R, E, CloudflareEnv>
): SyncWorker =>
  options === undefined
    ? makeWorkerFromLayer(SyncAuth.SyncAuth.layerNone)
    : makeWorkerFromLayer(provideServices(toLayer(options), options.services), options)
