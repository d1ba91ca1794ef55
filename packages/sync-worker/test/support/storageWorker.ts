/** Objects whose storage the tests reach from outside: the engine and the log run in workerd. */
import { DurableObject } from "cloudflare:workers"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as CloudflareEnv from "../../src/CloudflareEnv.ts"
import { EventLog } from "../../src/EventLog.ts"
import type { Statement } from "../../src/SqlEngine.ts"
import * as SqlEngineDurableObject from "../../src/SqlEngineDurableObject.ts"
import { StoreId } from "../../src/StoreId.ts"

interface Env {
  readonly STORAGE: DurableObjectNamespace<StorageDO>
}

export interface BatchRequest {
  readonly operation: string
  readonly statements: ReadonlyArray<Statement>
}

export class StorageDO extends DurableObject<Env> {
  override async fetch(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url)
    return Response.json(pathname === "/batch" ? await this.#batch(request) : await this.#visit())
  }

  /** What the engine answers, or why it does not. */
  async #batch(request: Request) {
    const { operation, statements } = await request.json<BatchRequest>()
    return Effect.runPromise(
      SqlEngineDurableObject.make(this.ctx.storage)
        .batch(operation, statements)
        .pipe(
          Effect.match({
            onSuccess: (results) => ({ results }),
            onFailure: ({ cause }) => ({ error: String(cause) })
          })
        )
    )
  }

  /** Opens the log as an app does, and adds an event. */
  #visit() {
    const log = CloudflareEnv.layerEventLogDurableObject.pipe(
      Layer.provide(Layer.succeed(CloudflareEnv.ObjectStorage, this.ctx.storage)),
      Layer.provide(Layer.succeed(StoreId, "visited"))
    )
    const visit = Effect.gen(function* () {
      const { append, backendId, initialHead: head } = yield* EventLog
      const event = { name: "visited", args: undefined, clientId: "c", sessionId: "s" }
      const createdAt = "2026-01-02T03:04:05.678Z"
      yield* append([{ ...event, seqNum: head + 1, parentSeqNum: head, createdAt }])
      return { backendId, head }
    })
    return Effect.runPromise(Effect.provide(visit, log))
  }
}

export default {
  fetch(request: Request, env: Env) {
    const name = new URL(request.url).searchParams.get("object") ?? ""
    return env.STORAGE.get(env.STORAGE.idFromName(name)).fetch(request)
  }
}
