/**
 * A worker with routes, rules and an identity of its own, composed by hand as far as that shows
 * what happens inside.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import {
  CloudflareEnv,
  Forbidden,
  handleWebSocket,
  makeDurableObjectFromLayer,
  matchSyncRequest,
  StoreId,
  SyncHooks,
  SyncServer
} from "../../src/index.ts"

/** How often the server of each store was started. It outlives the objects: they share it. */
const starts = new Map<string, number>()

const countStarts = Layer.effectDiscard(
  Effect.gen(function* () {
    const storeId = yield* StoreId.StoreId
    const count = (starts.get(storeId) ?? 0) + 1
    starts.set(storeId, count)
    if (storeId.startsWith("fails_once") && count === 1) yield* Effect.fail("not this time")
    if (storeId.startsWith("dies_once") && count === 1) yield* Effect.die("not this time")
    if (storeId.startsWith("never_starts")) yield* Effect.fail("never")
  })
)

/** Whoever asks by an event named `who` is told by a refusal who it is. */
const hooks = SyncHooks.layer({
  onPush: ({ batch }, session) => {
    if (batch[0]?.name === "who") {
      throw new Error(JSON.stringify({ ...session, headers: Object.fromEntries(session.headers) }))
    }
  }
})

const server = SyncServer.layer.pipe(
  Layer.provide(CloudflareEnv.layerEventLogD1("DB")),
  Layer.provide(hooks),
  Layer.provide(countStarts),
  Layer.provide(Logger.json)
)

export class SyncBackendDO extends makeDurableObjectFromLayer(server, {
  forwardHeaders: ["X-Region", "authorization", "x-absent"]
}) {
  override async fetch(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url)
    if (pathname !== "/spoil") return super.fetch(request)
    // As a later version of this worker, or the official backend, may have left it.
    for (const socket of this.ctx.getWebSockets()) {
      socket.serializeAttachment(searchParams.get("attachment"))
    }
    return new Response("spoilt")
  }
}

interface Env {
  readonly WEBSOCKET_SERVER: DurableObjectNamespace
}

const identities: Record<string, () => unknown> = {
  large: () => "x".repeat(20_000),
  unwritable: () => 1n,
  forbidden: () => {
    throw new Forbidden({ reason: "this store is not yours" })
  },
  broken: () => {
    throw new Error("the database of users says: no such table secret_users")
  }
}

export default {
  fetch(request: Request, env: Env, ctx: ExecutionContext) {
    const url = new URL(request.url)
    const storeId = url.searchParams.get("storeId") ?? ""
    switch (url.pathname) {
      case "/hello":
        return new Response("hello")
      case "/starts":
        return new Response(String(starts.get(storeId) ?? 0))
      case "/spoil":
        return env.WEBSOCKET_SERVER.get(env.WEBSOCKET_SERVER.idFromName(storeId)).fetch(request)
      case "/object":
        // What nobody should do: hand a stranger's request to an object.
        return env.WEBSOCKET_SERVER.get(env.WEBSOCKET_SERVER.idFromName(storeId)).fetch(request)
    }
    if (matchSyncRequest(request) === undefined)
      return new Response("no such page", { status: 404 })
    return handleWebSocket(request, env, ctx, {
      validatePayload: (payload, { headers, storeId }) => {
        const { as } = Object(payload)
        const identity = identities[String(as)]
        return identity === undefined
          ? { user: as, storeId, agent: headers.get("user-agent") }
          : identity()
      }
    })
  }
}
