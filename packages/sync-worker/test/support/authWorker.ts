/** Workers with every way to say who may connect, each under a path of its own. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import {
  handleWebSocket,
  makeDurableObject,
  makeWorker,
  makeWorkerFromLayer,
  matchSyncRequest,
  SyncAuth
} from "../../src/index.ts"
import type { SyncHooks, SyncWorker } from "../../src/index.ts"

/** What the hooks of each store were told. It outlives the objects: they share it. */
const heard = new Map<string, Array<unknown>>()

const hear = (storeId: string, what: unknown) => {
  heard.set(storeId, [...(heard.get(storeId) ?? []), what])
}

class Prefix extends Context.Tag("test/Prefix")<Prefix, string>() {}

const options = {
  onPush: ({ batch }: { batch: ReadonlyArray<unknown> }, session: SyncHooks.HookSession) => {
    const headers = Object.fromEntries(session.headers)
    hear(session.storeId, { pushed: batch.length, session: { ...session, headers } })
  },
  onPushRes: (answer: object, { storeId }: { storeId: string }) =>
    Effect.map(Prefix, (prefix) => hear(storeId, { prefix, answer })),
  onPullRes: async (page: { batch: ReadonlyArray<unknown> }, { storeId }: { storeId: string }) => {
    hear(storeId, { page: page.batch.length })
    throw new Error("the hook stumbled")
  },
  services: Layer.succeed(Prefix, "answered")
}

/** Hands its hooks what a function picks, which stumbles when it is told to. */
export class SyncBackendDO extends makeDurableObject({
  ...options,
  forwardHeaders: (request) => {
    if (request.headers.has("x-stumble")) throw new Error("no such header")
    const { searchParams } = new URL(request.url)
    return {
      Cookie: request.headers.get("cookie"),
      "X-Transport": searchParams.get("transport"),
      "x-grant": request.headers.get("x-tidelog-grant"),
      "x-absent": undefined
    }
  }
}) {}

export class HttpOnlyDO extends makeDurableObject({ enabledTransports: new Set(["http"]) }) {}

export class SqliteDO extends makeDurableObject({ storage: { _tag: "do-sqlite" } }) {}

export class TracedDO extends makeDurableObject({
  ...options,
  otel: (env) => ({
    baseUrl: String(Reflect.get(env, "COLLECTOR")),
    serviceName: "sync-test",
    headers: { authorization: "Bearer collector-key" }
  })
}) {}

const Payload = Schema.Struct({ since: Schema.NumberFromString, token: Schema.String })

/** Builds of the authorisation below, and whether the next one fails. */
let builds = 0
let failing = false

const built = Layer.unwrapEffect(
  Effect.gen(function* () {
    builds += 1
    const name = `build ${builds}`
    if (failing) yield* Effect.fail("not this time")
    yield* Effect.sleep("100 millis")
    return Layer.succeed(SyncAuth.SyncAuth, { authorise: () => Effect.succeed({ name }) })
  })
)

const workers: Record<string, SyncWorker> = {
  open: makeWorker({ enableCORS: true }),
  origins: makeWorker({
    enableCORS: true,
    allowedOrigins: ["https://app.example", "http://localhost:5173"],
    validatePayload: (_, { headers, request }) => ({
      cookie: headers.get("cookie"),
      path: new URL(request?.url ?? "http://none").pathname
    })
  }),
  predicate: makeWorker({
    allowedOrigins: (origin) => {
      if (origin.includes("broken")) throw new Error("no such origin")
      return origin.endsWith(".app.example")
    }
  }),
  schema: makeWorker({ syncPayloadSchema: Payload }),
  decoded: makeWorker({
    syncPayloadSchema: Payload,
    validatePayload: ({ since }) => ({ nextYear: since + 1 })
  }),
  expiry: makeWorker({
    validatePayload: (payload) => {
      const { as, expiresAt } = Object(payload)
      if (as === "date") return { expiresAt: new Date(expiresAt) }
      return as === "endless" ? { expiresAt: Infinity } : { expiresAt }
    }
  }),
  built: makeWorkerFromLayer(built),
  http: makeWorker({ durableObject: { name: "HTTP_ONLY" } }),
  sqlite: makeWorker({ durableObject: { name: "SQLITE" } }),
  traced: makeWorker({
    durableObject: { name: "TRACED", locationHint: "weur" },
    validatePayload: () => ({ user: "secret-identity" })
  }),
  handler: {
    fetch: (request, env, ctx) =>
      matchSyncRequest(request) === undefined
        ? Promise.resolve(new Response("mine"))
        : handleWebSocket(request, env, ctx, { layer: built, enableCORS: true })
  }
}

export default {
  fetch(request: Request, env: object, ctx: ExecutionContext) {
    const url = new URL(request.url)
    const [, name = "", ...rest] = url.pathname.split("/")
    switch (name) {
      case "heard":
        return Response.json(heard.get(url.searchParams.get("storeId") ?? "") ?? [])
      case "builds":
        failing = url.searchParams.has("fail")
        return Response.json(builds)
    }
    url.pathname = `/${rest.join("/")}`
    return workers[name]?.fetch(new Request(url, request), env, ctx) ?? new Response("nowhere")
  }
}
