/** Workers with stores to look after, each under a path of its own. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import {
  AdminStorage,
  CloudflareEnv,
  handleAdmin,
  makeDurableObject,
  makeWorker,
  matchAdminRequest
} from "../../src/index.ts"
import type { SyncWorker } from "../../src/index.ts"

/** Objects that came into memory. It outlives them: they share it. */
let started = 0

export class SyncBackendDO extends makeDurableObject() {
  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env)
    started += 1
  }
}

export class SqliteDO extends makeDurableObject({ storage: { _tag: "do-sqlite" } }) {}

/** Keeps its events in D1, and has nothing of its own. Tells what there is all the same. */
export class LimitedDO extends makeDurableObject({
  limits: { maxBatchEvents: 10, maxEventBytes: 1_000 }
}) {
  readonly #state: DurableObjectState

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env)
    this.#state = ctx
  }

  async left() {
    return { alarm: await this.#state.storage.getAlarm() }
  }
}

let builds = 0

/** What an app gives of its own. The first build fails. */
const adminStorage = AdminStorage.layerRegistry.pipe(
  Layer.provide(CloudflareEnv.layerStoreRegistryD1("DB")),
  Layer.tap(() => (++builds === 1 ? Effect.fail("not this time") : Effect.void))
)

const workers: Record<string, SyncWorker> = {
  d1: makeWorker({ validatePayload: (payload) => payload, enableCORS: true }),
  sqlite: makeWorker({ storage: { _tag: "do-sqlite" }, durableObject: { name: "SQLITE" } }),
  limited: makeWorker({ syncBackendBinding: "LIMITED" }),
  unbound: makeWorker({ storage: { _tag: "d1", binding: "ELSEWHERE" } }),
  own: makeWorker({ storage: { _tag: "d1", binding: "ELSEWHERE" }, adminStorage }),
  objectless: makeWorker({ durableObject: { name: "ELSEWHERE" } }),
  open: {
    fetch: (request, env, ctx) =>
      workers["d1"]?.fetch(request, { ...env, ADMIN_SECRET: "" }, ctx)
      ?? Promise.resolve(new Response())
  },
  broken: {
    fetch: (request, env, ctx) => {
      const fail = () => {
        throw new Error("secret_table is broken")
      }
      const DB = { prepare: fail, batch: fail }
      return workers["d1"]?.fetch(request, { ...env, DB }, ctx) ?? Promise.resolve(new Response())
    }
  },
  mine: {
    fetch: (request, env, ctx) =>
      matchAdminRequest(request) === undefined
        ? Promise.resolve(new Response("mine"))
        : handleAdmin(request, env, ctx, { allowedOrigins: ["https://app.example"] })
  }
}

interface Env {
  readonly LIMITED: DurableObjectNamespace<LimitedDO>
}

export default {
  async fetch(request: Request, env: Env, ctx: ExecutionContext) {
    const [, origin = "", name = "", rest = ""] =
      /^(https?:\/\/[^/]+)\/(\w+)(.*)$/.exec(request.url) ?? []
    if (name === "started") return Response.json(started)
    if (name === "left") {
      const store = new URL(request.url).searchParams.get("storeId") ?? ""
      return Response.json(await env.LIMITED.get(env.LIMITED.idFromName(store)).left())
    }
    return (
      workers[name]?.fetch(new Request(`${origin}${rest}`, request), env, ctx)
      ?? new Response("nowhere")
    )
  }
}
