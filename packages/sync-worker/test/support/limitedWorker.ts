/**
 * A worker with limits that a test can reach, each in stores of their own, and with identities that
 * end. It tells how often an object came into memory, and how often its server was started.
 */
import { Limits } from "@tidelog/sync-protocol"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import {
  CloudflareEnv,
  handleWebSocket,
  makeDurableObjectFromLayer,
  matchSyncRequest,
  StoreId,
  SyncHooks,
  SyncServer
} from "../../src/index.ts"

/** What happened to each store. It outlives the objects: they share it. */
const counts = new Map<string, number>()

const count = (what: string, storeId: string) => {
  const key = `${what} ${storeId}`
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

/** The limits of a store, by how its name starts. */
const limitsOf = (storeId: string): Partial<Limits.LimitsService> => {
  if (storeId.startsWith("unused")) return { pullDeadline: 1_500 }
  if (storeId.startsWith("crowded")) return { maxSockets: 2 }
  return {}
}

const limits = Layer.unwrapEffect(
  Effect.map(StoreId.StoreId, (storeId) => Limits.layer(limitsOf(storeId)))
)

/** As an app may have them: work that goes on beside, and is over. */
const hooks = SyncHooks.layer({
  onPush: () => Effect.void,
  onPushRes: async () => {},
  onPullRes: () => Effect.yieldNow()
})

const server = SyncServer.layer.pipe(
  Layer.provide(CloudflareEnv.layerEventLogD1("DB")),
  Layer.provide(hooks),
  Layer.provide(limits),
  Layer.provide(
    Layer.effectDiscard(Effect.map(StoreId.StoreId, (storeId) => count("starts", storeId)))
  ),
  Layer.provide(Logger.json)
)

export class SyncBackendDO extends makeDurableObjectFromLayer(server) {
  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env)
    count("instances", ctx.id.name ?? "")
  }

  override async fetch(request: Request): Promise<Response> {
    if (new URL(request.url).pathname !== "/downgrade") return super.fetch(request)
    // As the version of this package before this one left it.
    for (const socket of this.ctx.getWebSockets()) {
      const text = new TextDecoder().decode(socket.deserializeAttachment())
      const { session, subscriptions } = JSON.parse(text)
      const older = JSON.stringify({ version: 1, session, subscriptions })
      socket.serializeAttachment(new TextEncoder().encode(older))
    }
    return new Response("done")
  }
}

interface Env {
  readonly WEBSOCKET_SERVER: DurableObjectNamespace<SyncBackendDO>
}

/** `{ as, lasts }`: who it is, and for how many milliseconds; for good if not told. */
const authorise = (payload: unknown) => {
  const { as, lasts } = Object(payload)
  return lasts === undefined ? { user: as } : { user: as, expiresAt: Date.now() + Number(lasts) }
}

export default {
  async fetch(request: Request, env: Env, ctx: ExecutionContext) {
    const { pathname, searchParams } = new URL(request.url)
    const storeId = searchParams.get("storeId") ?? ""
    const object = () => env.WEBSOCKET_SERVER.get(env.WEBSOCKET_SERVER.idFromName(storeId))
    switch (pathname) {
      case "/counts": {
        const of = (what: string) => counts.get(`${what} ${storeId}`) ?? 0
        return Response.json({
          instances: of("instances"),
          starts: of("starts"),
          asked: of("asked")
        })
      }
      case "/downgrade":
        return object().fetch(request)
      case "/admin":
        return new Response(await object().admin(await request.text()))
    }
    if (matchSyncRequest(request) === undefined) {
      return new Response("no such page", { status: 404 })
    }
    return handleWebSocket(request, env, ctx, {
      limits: { maxStoreIdLength: 30, maxPayloadBytes: 100 },
      validatePayload: (payload, { storeId }) => {
        count("asked", storeId)
        return authorise(payload)
      }
    })
  }
}
