/**
 * The Worker's routes for whoever looks after its stores, and for whoever asks how it is.
 *
 * @since 0.1.0
 */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpApp from "@effect/platform/HttpApp"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServer from "@effect/platform/HttpServer"
import { RouteNotFound } from "@effect/platform/HttpServerError"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import type * as Runtime from "effect/Runtime"
import * as AdminHandlers from "./admin/AdminHandlers.ts"
import { layerNotConfigured } from "./AdminStorage.ts"
import type { AdminStorage } from "./AdminStorage.ts"
import { CloudflareEnv, layerAdminStorage, layerStoreObjects } from "./CloudflareEnv.ts"
import type { BindingOptions, StorageOption } from "./CloudflareEnv.ts"
import * as Cors from "./Cors.ts"
import { makeOnce } from "./internal/once.ts"
import type { BuildTimeout } from "./internal/once.ts"
import { isUpgrade } from "./internal/upgrade.ts"

/**
 * What the admin and health routes are told: where the objects are, where they keep the events, and which
 * pages may ask.
 *
 * @since 0.1.0
 * @category models
 */
export interface AdminOptions extends Cors.CorsOptions, BindingOptions {
  /** Where the objects keep the events, as `makeDurableObject` is told. */
  readonly storage?: StorageOption
  /**
   * What can be seen of the storage, where `storage` does not say it: the events are in several
   * databases, or in a log of your own. One that is the same value at each call is built once for
   * each `env`; one that fails counts as not configured, and is tried again with the next request.
   */
  readonly adminStorage?: Layer.Layer<AdminStorage, unknown, CloudflareEnv>
}

/**
 * What a request is about: stores, or the Worker's health.
 *
 * @since 0.1.0
 * @category models
 */
export type AdminRequest = "admin" | "health"

/**
 * Whether a request is for `handleAdmin` (SPEC: ADMIN-1, HEALTH-1): its path is `/health`, or begins
 * with `/admin/`. `undefined` if it is not, or if it is an upgrade.
 *
 * @since 0.1.0
 * @category routing
 */
export const matchAdminRequest = (request: Request): AdminRequest | undefined => {
  if (isUpgrade(request)) return undefined
  const { pathname } = new URL(request.url)
  if (pathname === "/health") return "health"
  return /^\/admin\/(?:stores|openapi\.json)(?:\/|$)/.test(pathname) ? "admin" : undefined
}

/** Answers a request. Built once for each `env`. */
class Answer extends Context.Tag("@tidelog/sync-worker/AdminRoutes/Answer")<
  Answer,
  (request: Request) => Promise<Response>
>() {}

/** A storeId has up to 1,024 characters, each of up to nine in a URL, and one before them. */
const ROUTER = { maxParamLength: 9 * 1_024 + 1, caseSensitive: true, ignoreDuplicateSlashes: false }

/** What nobody foresaw is answered with 500 and no words; they are in the log. */
const logDefects = <E, R>(app: HttpApp.Default<E, R>): HttpApp.Default<E, R> =>
  Effect.tapErrorCause(app, (cause) =>
    Cause.isDie(cause) ? Effect.logError("the request failed", cause) : Effect.void
  )

/**
 * That there is no route is a failure of its own, which the type of the routes does not tell of; so is a body
 * that is nested too deeply to be read.
 */
const orElseNoRoute = <R>(app: HttpApp.Default<never, R>) =>
  Effect.catchAllCause(app, (cause) => {
    const error = Cause.squash(cause)
    if (error instanceof RouteNotFound) return AdminHandlers.noRoute
    return isTooDeep(error)
      ? HttpServerResponse.text("What was sent cannot be read.\n", { status: 400 })
      : Effect.failCause(cause)
  })

const isTooDeep = (error: unknown): boolean =>
  error instanceof RangeError && error.message.includes("call stack")

const layerAnswer = Layer.effect(
  Answer,
  Effect.gen(function* () {
    const app = yield* HttpRouter.withRouterConfig(HttpApiBuilder.httpApp, ROUTER)
    const runtime = yield* Effect.runtime<
      HttpRouter.HttpRouter.DefaultServices | AdminHandlers.AdminSecret
    >()
    const answered = Effect.tap(orElseNoRoute(app), AdminHandlers.logRefusal)
    return HttpApp.toWebHandlerRuntime(runtime)(answered, logDefects)
  })
).pipe(
  Layer.provide(AdminHandlers.layer),
  Layer.provide([HttpApiBuilder.Router.Live, HttpApiBuilder.Middleware.layer]),
  Layer.provide(HttpServer.layerContext)
)

const secretOf = (env: object): string | undefined => {
  const secret: unknown = Reflect.get(env, "ADMIN_SECRET")
  return typeof secret === "string" && secret !== "" ? secret : undefined
}

type AnswerOf = (env: object) => Effect.Effect<Runtime.Runtime<Answer>, BuildTimeout>

/** Answers over some storage, built once for each `env`. */
const makeAnswerOf = (
  options: BindingOptions,
  storage: Layer.Layer<AdminStorage, never, CloudflareEnv>
): AnswerOf =>
  makeOnce((env: object) =>
    layerAnswer.pipe(
      Layer.provide(layerStoreObjects(options)),
      Layer.provide(storage),
      Layer.provide(Layer.succeed(AdminHandlers.AdminSecret, Redacted.make(secretOf(env) ?? ""))),
      Layer.provide(Layer.succeed(CloudflareEnv, env)),
      Layer.provide(Logger.json)
    )
  )

/** Over a storage of the app's own. Without it there are still answers, and a log that says why. */
const makeOwnAnswerOf = (
  options: BindingOptions,
  storage: Layer.Layer<AdminStorage, never, CloudflareEnv>
): AnswerOf => {
  const answerOf = makeAnswerOf(options, storage)
  const withoutStorage = makeAnswerOf(options, layerNotConfigured)
  return (env) =>
    Effect.catchAllCause(answerOf(env), (cause) =>
      Effect.zipRight(
        Effect.logError("adminStorage could not be built", cause),
        withoutStorage(env)
      )
    )
}

/** What is built of some options: they are few, and handed in anew with each request. */
const builds = new WeakMap<object, Map<string, AnswerOf>>()

const buildsOf = (layer: object): Map<string, AnswerOf> => {
  const known = builds.get(layer)
  if (known !== undefined) return known
  const made = new Map<string, AnswerOf>()
  builds.set(layer, made)
  return made
}

const builtOf = (options: AdminOptions): AnswerOf => {
  const { adminStorage, durableObject, storage, syncBackendBinding } = options
  const key = JSON.stringify([durableObject, storage, syncBackendBinding])
  // @effect-diagnostics-next-line anyUnknownInErrorContext:off
  const known = buildsOf(adminStorage ?? layerAnswer)
  const answerOf =
    known.get(key)
    ?? (adminStorage === undefined
      ? makeAnswerOf(options, layerAdminStorage(storage))
      : // It may well fail: `makeOwnAnswerOf` catches that, and tells every cause in the same way.
        // @effect-diagnostics-next-line anyUnknownInErrorContext:off
        makeOwnAnswerOf(options, Layer.orDie(adminStorage)))
  known.set(key, answerOf)
  return answerOf
}

const notFound = () => new Response("Not found.\n", { status: 404 })

/**
 * The route of a Worker. `undefined` for what is not for it.
 *
 * @since 0.1.0
 * @category routing
 */
export const makeRoute =
  (options: AdminOptions) =>
  (request: Request, env: object): Promise<Response> | undefined => {
    const matched = matchAdminRequest(request)
    if (matched === undefined) return undefined
    if (matched === "admin" && secretOf(env) === undefined) return Promise.resolve(notFound())
    return Effect.flatMap(builtOf(options)(env), ({ context }) =>
      Effect.promise(() => Context.get(context, Answer)(request))
    ).pipe(
      Effect.catchTag("BuildTimeout", (error) =>
        Effect.as(
          Effect.logError(error.message),
          new Response("Not available just now.\n", { status: 503 })
        )
      ),
      Effect.provide(Logger.json),
      Effect.runPromise
    )
  }

/**
 * Answers a request that `matchAdminRequest` matches. Any other is not found, and neither is an
 * admin's where `env` has no `ADMIN_SECRET`.
 *
 * @since 0.1.0
 * @category handlers
 */
export const handleAdmin = (
  request: Request,
  env: object,
  _ctx: ExecutionContext,
  options: AdminOptions = {}
): Promise<Response> =>
  Cors.guard(
    options,
    request,
    () => makeRoute(options)(request, env) ?? Promise.resolve(notFound())
  )
