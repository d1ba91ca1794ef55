/**
 * The Worker's routes for whoever looks after its stores, and for whoever asks how it is.
 *
 * @since 0.1.0
 */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpApp from "@effect/platform/HttpApp"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServer from "@effect/platform/HttpServer"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import type * as Runtime from "effect/Runtime"
import * as AdminHandlers from "./admin/AdminHandlers.ts"
import { CloudflareEnv, layerAdminStorage, layerStoreObjects } from "./CloudflareEnv.ts"
import type { ObjectsOptions, StorageOption } from "./CloudflareEnv.ts"
import * as Cors from "./Cors.ts"
import { makeOnce } from "./internal/once.ts"
import type { BuildTimeout } from "./internal/once.ts"
import { isUpgrade } from "./internal/upgrade.ts"

/**
 * @since 0.1.0
 * @category models
 */
export interface AdminOptions extends Cors.CorsOptions, ObjectsOptions {
  /** Where the objects keep the events, as `makeDurableObject` is told. */
  readonly storage?: StorageOption
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

/** A storeId has up to 256 characters, each of up to nine in a URL, and one before them. */
const ROUTER = { maxParamLength: 9 * 256 + 1, caseSensitive: true, ignoreDuplicateSlashes: false }

/** What nobody foresaw is answered with 500 and no words; they are in the log. */
const logDefects = <E, R>(app: HttpApp.Default<E, R>): HttpApp.Default<E, R> =>
  Effect.tapErrorCause(app, (cause) =>
    Cause.isDie(cause) ? Effect.logError("the request failed", cause) : Effect.void
  )

const layerAnswer = Layer.effect(
  Answer,
  Effect.gen(function* () {
    const app = yield* HttpRouter.withRouterConfig(HttpApiBuilder.httpApp, ROUTER)
    const runtime = yield* Effect.runtime<HttpRouter.HttpRouter.DefaultServices>()
    return HttpApp.toWebHandlerRuntime(runtime)(app, logDefects)
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

/** What is built of some options: they are few, and handed in anew with each request. */
const builds = new Map<string, AnswerOf>()

const builtOf = (options: AdminOptions): AnswerOf => {
  const { durableObject, storage, syncBackendBinding } = options
  const key = JSON.stringify([durableObject, storage, syncBackendBinding])
  const known = builds.get(key)
  if (known !== undefined) return known
  const answerOf = makeOnce((env: object) =>
    layerAnswer.pipe(
      Layer.provide(layerStoreObjects(options)),
      Layer.provide(layerAdminStorage(storage)),
      Layer.provide(Layer.succeed(AdminHandlers.AdminSecret, Redacted.make(secretOf(env) ?? ""))),
      Layer.provide(Layer.succeed(CloudflareEnv, env)),
      Layer.provide(Logger.json)
    )
  )
  builds.set(key, answerOf)
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
