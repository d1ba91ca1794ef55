/** A worker that refuses in every way, over a log in memory that takes its time to be replaced. */
import { Limits } from "@tidelog/sync-protocol"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import {
  EventLog,
  EventLogMemory,
  Forbidden,
  handleWebSocket,
  makeDurableObjectFromLayer,
  makeWorker,
  StoreId,
  SyncHooks,
  SyncServer
} from "../../src/index.ts"

const database = EventLogMemory.makeDatabase()

/** A log that is replaced slowly enough for somebody to come meanwhile. */
const log = Layer.effect(
  EventLog.EventLog,
  Effect.map(EventLog.EventLog, (fast) => ({
    ...fast,
    reset: Effect.zipLeft(fast.reset, Effect.sleep("500 millis"))
  }))
).pipe(Layer.provide(EventLogMemory.layerIn(database)))

/** The stores that were started. They outlive the objects: they share them. */
const started = new Set<string>()

/** A start that fails, at once or after one that did not. */
const start = Layer.effectDiscard(
  Effect.gen(function* () {
    const storeId = yield* StoreId.StoreId
    const again = started.has(storeId)
    started.add(storeId)
    if (storeId.startsWith("slow")) yield* Effect.sleep("1 second")
    if (storeId.startsWith("never") || (again && storeId.startsWith("once"))) {
      yield* Effect.sleep("200 millis")
      yield* Effect.fail("no such table: secret")
    }
  })
)

/** An end that does not end well. */
const farewell = Layer.scopedDiscard(
  Effect.gen(function* () {
    const storeId = yield* StoreId.StoreId
    if (storeId.includes("hanging")) yield* Effect.addFinalizer(() => Effect.never)
    if (storeId.includes("dying")) yield* Effect.addFinalizer(() => Effect.die("no farewell"))
  })
)

export class SyncBackendDO extends makeDurableObjectFromLayer(
  SyncServer.layer.pipe(
    Layer.provide(log),
    Layer.provide(SyncHooks.layerNone),
    Layer.provide(Limits.layer({ maxSockets: 3 })),
    Layer.provide(start),
    Layer.provide(farewell),
    Layer.provide(Logger.json)
  ),
  {
    forwardHeaders: (request) => {
      if (request.headers.has("x-stumble")) throw new Error("no such header")
      return {}
    }
  }
) {}

class Users extends Context.Tag("test/Users")<Users, object>() {}

const failing = Layer.fail("no users") as Layer.Layer<Users, string>

interface Env {
  readonly WEBSOCKET_SERVER: DurableObjectNamespace<SyncBackendDO>
}

const worker = makeWorker({
  allowedOrigins: (origin) => {
    if (origin.includes("broken")) throw new Error("no such list")
    // As a predicate that the types do not allow.
    if (origin.includes("later")) return Promise.resolve(false) as unknown as boolean
    return origin === "https://app.example"
  },
  validatePayload: (payload) => {
    const { as } = Object(payload)
    if (as === "clock") {
      return {
        get expiresAt(): number {
          throw new Error("no clock")
        }
      }
    }
    if (as === "nobody") throw new Error("no such user")
    if (as === "eve") throw new Forbidden({ reason: "not yours" })
    return as === "large" ? "x".repeat(20_000) : { as }
  }
})

export default {
  async fetch(request: Request, env: Env, ctx: ExecutionContext) {
    const { pathname, searchParams } = new URL(request.url)
    const object = () =>
      env.WEBSOCKET_SERVER.get(env.WEBSOCKET_SERVER.idFromName(searchParams.get("storeId") ?? ""))
    switch (pathname) {
      case "/own/websocket":
        return handleWebSocket(request, env, ctx, {
          validatePayload: () => Effect.asVoid(Users),
          services: failing
        })
      case "/object":
        // What nobody should do: hand a stranger's request to an object.
        return object().fetch(request)
      case "/operate":
        return new Response(await object().admin(await request.text()))
    }
    return worker.fetch(request, env, ctx)
  }
}
