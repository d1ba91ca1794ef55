/**
 * The Worker in front of the objects: its routes, and the authorisation that they share.
 *
 * @since 0.1.0
 */
import { Limits } from "@tidelog/sync-protocol"
import type { Json } from "@tidelog/sync-protocol"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"
import * as AdminRoutes from "./AdminRoutes.ts"
import { CloudflareEnv } from "./CloudflareEnv.ts"
import * as Cors from "./Cors.ts"
import { makeOnce } from "./internal/once.ts"
import { randomHex } from "./internal/randomHex.ts"
import * as Refusals from "./internal/refusals.ts"
import { provideServices } from "./internal/services.ts"
import type { Enough, ServicesOption } from "./internal/services.ts"
import { isUpgrade } from "./internal/upgrade.ts"
import * as Opening from "./Opening.ts"
import * as SyncAuth from "./SyncAuth.ts"
import { matchSyncRequest } from "./SyncRequest.ts"

/**
 * What a whole Worker is told beside who may connect: also where its objects keep the events, for
 * its admin and health routes.
 *
 * @since 0.1.0
 * @category models
 */
export interface WorkerOptions extends Opening.ConnectOptions, AdminRoutes.AdminOptions {}

/**
 * What a Worker is told, with its rule for who may connect.
 *
 * `A`: what the rule returns. `S`: the services that it is given.
 *
 * @since 0.1.0
 * @category models
 */
export interface RuleOptions<
  Payload = Json.Json | undefined,
  Encoded = Payload,
  A = unknown,
  S = never,
  E = never
>
  extends Opening.ConnectOptions, ServicesOption<S, E, CloudflareEnv> {
  /** What a payload looks like: any other is refused, and `validatePayload` gets the decoded one. */
  readonly syncPayloadSchema?: Schema.Schema<Payload, Encoded>
  /** Who may connect: see `SyncAuth.ValidatePayload`. Without it, everybody who reaches the Worker. */
  readonly validatePayload?: (payload: NoInfer<Payload>, context: SyncAuth.AuthContext) => A
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
 * Opens a sync connection, or refuses it in a way that a browser can read: with a close code and a
 * reason (SPEC: HAND-5). A request of the HTTP transport is answered, or refused with a status (SPEC:
 * HTTP-2). What is refused never reaches its store's object.
 *
 * `request`: one that `matchSyncRequest` matches. `env`: the Worker's bindings. `options`: who may
 * connect, as `validatePayload`, with the `services` that its Effects need, or as a `layer`. Either Layer
 * is built once for each `env`, if it is the same value at each call.
 *
 * @since 0.1.0
 * @category handlers
 */
export const handleWebSocket: {
  <Payload = Json.Json | undefined, Encoded = Payload, A = unknown, S = never, E = never>(
    request: Request,
    env: object,
    ctx: ExecutionContext,
    options?: RuleOptions<Payload, Encoded, A, S, E>
      & Enough<A, S, CloudflareEnv> & { readonly layer?: undefined }
  ): Promise<Response>
  <E>(
    request: Request,
    env: object,
    ctx: ExecutionContext,
    options: LayerOptions<E>
  ): Promise<Response>
} = <Payload, Encoded, A, S, E>(
  request: Request,
  env: object,
  _ctx: ExecutionContext,
  options?:
    | (RuleOptions<Payload, Encoded, A, S, E> & { readonly layer?: undefined })
    | LayerOptions<E>
): Promise<Response> => {
  if (options === undefined) return handleWith(SyncAuth.layerNone, {}, request, env)
  if (options.layer !== undefined) return handleWith(options.layer, options, request, env)
  const layer = provideServices(toLayer(options), shared(options.services))
  return handleWith(layer, options, request, env)
}

/**
 * What `handleWebSocket` is told: who may connect, as a Layer.
 *
 * @since 0.1.0
 * @category models
 */
export interface LayerOptions<E = never> extends Opening.ConnectOptions {
  readonly layer: AuthLayer<E>
}

const handleWith = <E>(
  layer: AuthLayer<E>,
  options: Opening.ConnectOptions,
  request: Request,
  env: object
) => Cors.guard(options, request, () => makeHandler(layer, options)(request, env))

/** Who may connect, as options say it. */
const toLayer = <Payload, Encoded, A, S, E>(
  options: RuleOptions<Payload, Encoded, A, S, E>
): Layer.Layer<SyncAuth.SyncAuth, never, S> => {
  const { syncPayloadSchema } = options
  // What it returns may be anything, and needs no other services: see `Enough`.
  const validatePayload = options.validatePayload as
    | SyncAuth.ValidatePayload<S, Payload>
    | undefined
  if (syncPayloadSchema !== undefined) {
    return SyncAuth.layer(SyncAuth.withSchema(syncPayloadSchema, validatePayload))
  }
  return validatePayload === undefined
    ? SyncAuth.layerNone
    : // Without a Schema, `Payload` is what it is here.
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion
      SyncAuth.layer((payload, context) => validatePayload(payload as Payload, context))
}

/** What is built of a Layer: its services, once for each `env`. */
const builds = new WeakMap<object, RuntimeOf<never>>()

type RuntimeOf<R> = (env: object) => Effect.Effect<Runtime.Runtime<R>, SyncAuth.AuthUnavailable>

const isUnavailable = Schema.is(SyncAuth.AuthUnavailable)

const builtOf = <R, E>(layer: Layer.Layer<R, E, CloudflareEnv>): RuntimeOf<R> => {
  const known = builds.get(layer)
  // A Layer has what was built of it.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  if (known !== undefined) return known as RuntimeOf<R>
  const build = makeOnce((env: object) => Layer.provide(layer, Layer.succeed(CloudflareEnv, env)))
  const runtimeOf: RuntimeOf<R> = (env) =>
    Effect.catchAllCause(build(env), (cause) => {
      const unavailable = new SyncAuth.AuthUnavailable({
        reason: "authorisation is not possible just now"
      })
      // What it is built with has been tried before, and has had its line.
      return isUnavailable(Cause.squash(cause))
        ? unavailable
        : Effect.zipRight(
            Effect.logError("the authorisation could not be built", cause),
            unavailable
          )
    })
  builds.set(layer, runtimeOf)
  return runtimeOf
}

/** A Layer that is built once for each `env`, however often something is made with it. */
const shared = <R, E>(services: Layer.Layer<R, E, CloudflareEnv> | undefined) =>
  services === undefined
    ? undefined
    : Layer.effectContext(
        Effect.gen(function* () {
          const runtime = yield* builtOf(services)(yield* CloudflareEnv)
          // Loggers and the like that the Layer has set.
          yield* Effect.inheritFiberRefs(runtime.fiberRefs)
          return runtime.context
        })
      )

/** The handler without what pages of other origins ask for. */
const makeHandler = <E>(
  layer: AuthLayer<E>,
  options: Opening.ConnectOptions
): ((request: Request, env: object) => Promise<Response>) => {
  const runtimeOf = builtOf(layer)
  const limits = Limits.from(options.limits)
  /** Decides with the services that are built for this `env`. */
  const authorise: Opening.Authorise = (env, payload, context) =>
    Effect.flatMap(runtimeOf(env), (runtime) =>
      Effect.flatMap(SyncAuth.SyncAuth, (auth) => auth.authorise(payload, context)).pipe(
        Effect.provide(runtime)
      )
    )
  return (request, env) => {
    const answer = answerOf(request)
    if (answer === undefined) return Effect.runPromise(refuseOther(request))
    return Effect.flatMap(randomHex(8), (connectionId) =>
      answer(request, env, { ...options, limits, authorise, connectionId }).pipe(
        Effect.annotateLogs({ storeId: "", ...Refusals.storeIdOf(request), connectionId })
      )
    ).pipe(Effect.provide(Logger.json), Effect.runPromise)
  }
}

/** What answers a request, if it is of one of the transports. */
const answerOf = (request: Request) => {
  if (isUpgrade(request)) return Opening.answer
  return isHttp(request) && request.method === "POST" ? Opening.answerHttp : undefined
}

const isHttp = (request: Request) => new URL(request.url).searchParams.get("transport") === "http"

const refuseOther = (request: Request) =>
  Refusals.answerHttp(
    request,
    isHttp(request)
      ? { status: 405, reason: "A sync request is a POST.", headers: { allow: "POST" } }
      : {
          status: 426,
          reason: "This is a sync backend: connect to it with a WebSocket.",
          headers: { connection: "Upgrade", upgrade: "websocket" }
        }
  )

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
        return Effect.runPromise(
          Refusals.answerHttp(request, { status: 404, reason: "Not found." })
        )
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
export const makeWorker = <
  Payload = Json.Json | undefined,
  Encoded = Payload,
  A = unknown,
  S = never,
  E = never
>(
  options?: RuleOptions<Payload, Encoded, A, S, E> & WorkerOptions & Enough<A, S, CloudflareEnv>
): SyncWorker =>
  options === undefined
    ? makeWorkerFromLayer(SyncAuth.layerNone)
    : makeWorkerFromLayer(provideServices(toLayer(options), options.services), options)
