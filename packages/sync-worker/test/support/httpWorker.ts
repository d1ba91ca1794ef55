/**
 * A worker for requests over HTTP: rules of every kind, limits that a test can reach, a log that fails when it
 * is told to, each in stores of their own. It tells how often an object came into memory, and how often its
 * server was started.
 */
import { Limits } from "@tidelog/sync-protocol"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import {
  AuthUnavailable,
  CloudflareEnv,
  EventLog,
  Forbidden,
  makeDurableObject,
  makeDurableObjectFromLayer,
  makeWorker,
  StoreId,
  SyncHooks,
  SyncServer,
  Unauthorized
} from "../../src/index.ts"

/** What happened to each store. It outlives the objects: they share it. */
const counts = new Map<string, number>()

const count = (what: string, storeId: string) => {
  const key = `${what} ${storeId}`
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

/** What the hooks of each store were told. */
const heard = new Map<string, Array<unknown>>()

const hear = (storeId: string, what: unknown) => {
  heard.set(storeId, [...(heard.get(storeId) ?? []), what])
}

/** The stores whose log fails just now, and how. */
const broken = new Map<string, string>()

/** Waits for as long as a store is to be broken in this way. */
const waitWhile = (storeId: string, how: string): Effect.Effect<void> =>
  Effect.suspend(() =>
    broken.get(storeId) === how
      ? Effect.zipRight(Effect.sleep("20 millis"), waitWhile(storeId, how))
      : Effect.void
  )

/** A server that does not start where the log is to be missing altogether. */
const start = Layer.effectDiscard(
  Effect.gen(function* () {
    const storeId = yield* StoreId.StoreId
    count("starts", storeId)
    yield* waitWhile(storeId, "holdStart")
    if (broken.get(storeId) === "start") yield* Effect.fail("no such table: secret")
  })
)

const failIf = (storeId: string, how: string) =>
  Effect.suspend(() =>
    broken.get(storeId) === how
      ? new EventLog.StorageError({ operation: how, cause: new Error("no such table: secret") })
      : Effect.void
  )

const log = Layer.effect(
  EventLog.EventLog,
  Effect.gen(function* () {
    const storeId = yield* StoreId.StoreId
    const below = yield* EventLog.EventLog
    return {
      ...below,
      head: failIf(storeId, "read").pipe(
        Effect.zipRight(Effect.sync(() => count("reads", storeId))),
        Effect.zipRight(waitWhile(storeId, "holdRead")),
        Effect.zipRight(below.head)
      ),
      append: (parts) => Effect.zipRight(failIf(storeId, "append"), below.append(parts)),
      // The first page is read, and the next ones are not.
      readPage: (after, size) =>
        Effect.zipRight(
          after === 0 ? Effect.void : failIf(storeId, "readOn"),
          below.readPage(after, size)
        )
    }
  })
).pipe(Layer.provide(CloudflareEnv.layerEventLogD1("DB")))

const limits = Layer.unwrapEffect(
  Effect.map(StoreId.StoreId, (storeId) =>
    Limits.layer({
      maxBatchEvents: 100,
      ...(storeId.startsWith("rated")
        ? { frameBurst: 4, framesPerSecond: 1, eventBurst: 5, eventsPerSecond: 1 }
        : {}),
      ...(storeId.startsWith("full") ? { maxSockets: 1 } : {})
    })
  )
)

const hooks = SyncHooks.layer({
  onPush: ({ batch }, session) => {
    const headers = Object.fromEntries(session.headers)
    hear(session.storeId, { pushed: batch.length, session: { ...session, headers } })
    if (batch.some(({ name }) => name === "forbidden")) throw new Error("rejected by onPush")
  },
  onPull: (_, { storeId }) => {
    if (storeId === "secret") throw new Error("rejected by onPull")
  },
  onPushRes: (answer, { storeId }) => hear(storeId, { answer }),
  onPullRes: (page, { storeId }) => hear(storeId, { page: page.batch.length })
})

const server = SyncServer.layer.pipe(
  Layer.provide(log),
  Layer.provide(hooks),
  Layer.provide(limits),
  Layer.provide(start),
  Layer.provide(Logger.json)
)

export class SyncBackendDO extends makeDurableObjectFromLayer(server, {
  forwardHeaders: (request) => {
    if (request.headers.has("x-stumble")) throw new Error("no such header")
    return { "x-role": request.headers.get("x-role") }
  },
  http: { responseHeaders: { "x-app": "tidelog", "cache-control": "no-store" } }
}) {
  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env)
    count("instances", ctx.id.name ?? "")
  }
}

export class WsOnlyDO extends makeDurableObject({
  enabledTransports: ["ws"],
  http: { responseHeaders: { "x-app": "tidelog" } }
}) {}

const options = {
  enableCORS: true,
  allowedOrigins: ["https://app.example"],
  limits: { maxFrameBytes: 400_000 },
  validatePayload: (payload: unknown) => {
    const { as, expiresAt }: { as?: unknown; expiresAt?: unknown } = Object(payload)
    if (as === "nobody") throw new Unauthorized({ reason: "please sign in" })
    if (as === "stranger") throw new Forbidden({ reason: "not your list" })
    if (as === "later") throw new AuthUnavailable({ reason: "ask again" })
    if (as === "mistake") return { expiresAt: "soon" }
    if (as === undefined) return undefined
    return expiresAt === undefined
      ? { user: JSON.stringify(as) }
      : { user: JSON.stringify(as), expiresAt: Number(expiresAt) }
  }
}

const worker = makeWorker(options)
const wsOnly = makeWorker({ ...options, durableObject: { name: "WS_ONLY" } })

interface Env {
  readonly WEBSOCKET_SERVER: DurableObjectNamespace<SyncBackendDO>
}

export default {
  async fetch(request: Request, env: Env, ctx: ExecutionContext) {
    const { pathname, searchParams } = new URL(request.url)
    const storeId = searchParams.get("storeId") ?? ""
    switch (pathname) {
      case "/counts": {
        const of = (what: string) => counts.get(`${what} ${storeId}`) ?? 0
        return Response.json({ instances: of("instances"), starts: of("starts") })
      }
      case "/reads":
        return Response.json(counts.get(`reads ${storeId}`) ?? 0)
      case "/heard":
        return Response.json(heard.get(storeId) ?? [])
      case "/break":
        broken.set(storeId, searchParams.get("how") ?? "")
        return new Response("done")
      case "/admin": {
        const object = env.WEBSOCKET_SERVER.get(env.WEBSOCKET_SERVER.idFromName(storeId))
        return new Response(await object.admin(await request.text()))
      }
      case "/ws-only":
        return wsOnly.fetch(request, env, ctx)
    }
    return worker.fetch(request, env, ctx)
  }
}
