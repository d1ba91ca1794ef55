/**
 * Which pages may talk to the Worker, and what its answers tell their browsers about that.
 *
 * @since 0.1.0
 */

import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Predicate from "effect/Predicate"
import * as Refusals from "./internal/refusals.ts"

/**
 * - `enableCORS`: puts the headers on every answer that let a page of another origin read it, and
 *   answers preflights.
 * - `allowedOrigins`: the origins whose pages may talk to the Worker, exactly as a browser writes
 *   them (`https://app.example`), or a predicate. Without it, all of them. A browser sends cookies
 *   with a WebSocket from any page, so whoever lets people in by a cookie needs it. A request without
 *   an `Origin` is no browser's, and passes.
 *
 * @since 0.1.0
 * @category models
 */
export interface CorsOptions {
  readonly enableCORS?: boolean
  readonly allowedOrigins?: ReadonlyArray<string> | ((origin: string) => boolean)
}

/**
 * Whether the page that a request comes from may make it. A predicate that throws says no, and the log
 * tells why.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isAllowed = (
  { allowedOrigins }: CorsOptions,
  request: Request
): Effect.Effect<boolean> => {
  const origin = request.headers.get("origin")
  if (origin === null || allowedOrigins === undefined) return Effect.succeed(true)
  if (typeof allowedOrigins !== "function") return Effect.succeed(allowedOrigins.includes(origin))
  return Effect.try((): unknown => allowedOrigins(origin)).pipe(
    // A Promise, for one, is no answer, and would pass for a yes.
    Effect.filterOrFail(Predicate.isBoolean, () => ({
      error: new TypeError("allowedOrigins has to return true or false, and at once")
    })),
    Effect.catchAll(({ error }) =>
      Effect.logError("allowedOrigins failed", Cause.die(error)).pipe(
        Effect.annotateLogs({ ...Refusals.storeIdOf(request), ...Refusals.originOf(request) }),
        Effect.as(false)
      )
    )
  )
}

/**
 * Answers an HTTP request for the page that it comes from: refused with 403 if that may not make it,
 * and with the headers of CORS if they are enabled. An upgrade passes as it is: a browser asks
 * nothing of it, and its refusal is a close frame.
 *
 * @since 0.1.0
 * @category middleware
 */
export const guard = (
  options: CorsOptions,
  request: Request,
  next: () => Promise<Response>
): Promise<Response> => {
  if (request.headers.get("upgrade")?.toLowerCase() === "websocket") return next()
  return isAllowed(options, request).pipe(
    Effect.flatMap((isAllowed) =>
      isAllowed ? Effect.promise(() => answer(options, request, next)) : refuse(request)
    ),
    Effect.provide(Logger.json),
    Effect.runPromise
  )
}

const refuse = (request: Request) =>
  Refusals.answerHttp(request, {
    status: 403,
    reason: "This origin may not connect.",
    headers: { vary: "origin" }
  })

/** The answer to a page that may ask. */
const answer = (
  options: CorsOptions,
  request: Request,
  next: () => Promise<Response>
): Promise<Response> => {
  if (options.enableCORS !== true) return next()
  if (request.method === "OPTIONS") {
    return Promise.resolve(
      withHeaders(options, request, new Response(null, { status: 204, headers: PREFLIGHT }))
    )
  }
  return next().then((response) => withHeaders(options, request, response))
}

/** A day: what a preflight says changes with a deploy at most. */
const PREFLIGHT = {
  "access-control-allow-methods": "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
  "access-control-max-age": "86400"
}

/** What a page may read beside the answer: when to ask again, and where an export has to end. */
const EXPOSED = "retry-after, x-tidelog-head"

const withHeaders = (options: CorsOptions, request: Request, answer: Response): Response => {
  // The headers of an answer that comes from elsewhere cannot be changed.
  const response = new Response(answer.body, answer)
  const { headers } = response
  const origin = request.headers.get("origin")
  if (options.allowedOrigins === undefined) {
    headers.set("access-control-allow-origin", "*")
  } else {
    headers.append("vary", "origin")
    if (origin !== null) {
      headers.set("access-control-allow-origin", origin)
      // Only to pages that were named: they may send the cookies that they have here.
      headers.set("access-control-allow-credentials", "true")
    }
  }
  headers.append("access-control-expose-headers", EXPOSED)
  if (request.method === "OPTIONS") {
    const asked = request.headers.get("access-control-request-headers")
    if (asked !== null) {
      headers.set("access-control-allow-headers", asked)
      headers.append("vary", "access-control-request-headers")
    }
  }
  return response
}
