/** Refusals, each with its line in the log (SPEC: REFUSE-5). */
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Sockets from "./sockets.ts"

/** What a request says of itself goes to the log, but not all that a stranger may write. */
const MAX_LENGTH = 256

const claimed = (name: string, value: string | null) =>
  value === null ? {} : { [name]: value.slice(0, MAX_LENGTH) }

/** The store that a request names, valid or not. */
export const storeIdOf = (request: Request) =>
  claimed("storeId", new URL(request.url).searchParams.get("storeId"))

/** The page that a request comes from, as a browser tells it. */
export const originOf = (request: Request) => claimed("origin", request.headers.get("origin"))

/** Answers an HTTP request that is refused. Its query is not told: a payload may be in it. */
export const answerHttp = (
  request: Request,
  refusal: {
    readonly status: number
    readonly reason: string
    readonly headers?: Readonly<Record<string, string>>
  }
): Effect.Effect<Response> => {
  const { headers = {}, reason, status } = refusal
  return Effect.logWarning("request refused").pipe(
    Effect.annotateLogs({
      status,
      reason,
      method: request.method,
      ...claimed("path", new URL(request.url).pathname),
      ...storeIdOf(request),
      ...originOf(request)
    }),
    Effect.as(new Response(`${reason}\n`, { status, headers })),
    Effect.provide(Logger.json)
  )
}

/** Refuses a connection in words that its client can read. Its owner is annotated by the caller. */
export const answerUpgrade = (
  code: number,
  reason: string,
  details: Readonly<Record<string, string>> = {}
): Effect.Effect<Response> =>
  Effect.logWarning("connection refused").pipe(
    Effect.annotateLogs({ code, reason, ...details }),
    Effect.map(() => Sockets.refuse(code, reason))
  )
