/** Workers over objects in which the test leaves what the official backend would have. */
import { makeDurableObject, makeWorker } from "../../src/index.ts"
import type { SyncWorker } from "../../src/index.ts"
import type { Left } from "./official.ts"

const leave = async (storage: DurableObjectStorage, { currentHead, statements = [] }: Left) => {
  for (const sql of statements) storage.sql.exec(sql)
  if (currentHead !== undefined) await storage.put("currentHead", currentHead)
}

export class SyncBackendDO extends makeDurableObject({
  storage: {
    _tag: "d1",
    adoptOfficial: (storeId) =>
      storeId.startsWith("known") ? "always" : storeId.startsWith("left") ? "never" : "proven"
  }
}) {
  leave(left: Left) {
    return leave(this.ctx.storage, left)
  }
}

/** Its class is one without SQLite. */
export class PlainDO extends SyncBackendDO {}

export class SqliteDO extends makeDurableObject({ storage: { _tag: "do-sqlite" } }) {
  leave(left: Left) {
    return leave(this.ctx.storage, left)
  }
}

interface Env {
  readonly [binding: string]: DurableObjectNamespace<SqliteDO>
}

const workers: Record<string, SyncWorker> = Object.fromEntries(
  ["D1", "PLAIN", "SQLITE"].map((name) => [name, makeWorker({ durableObject: { name } })])
)

export default {
  async fetch(request: Request, env: Env, ctx: ExecutionContext) {
    const [, origin = "", name = "", rest = ""] =
      /^(https?:\/\/[^/]+)\/(\w+)(.*)$/.exec(request.url) ?? []
    const { pathname, searchParams } = new URL(`${origin}${rest}`)
    const objects = env[name]
    if (pathname === "/leave" && objects !== undefined) {
      const object = objects.get(objects.idFromName(searchParams.get("storeId") ?? ""))
      await object.leave(await request.json())
      return new Response("left")
    }
    return (
      workers[name]?.fetch(new Request(`${origin}${rest}`, request), env, ctx)
      ?? new Response("nowhere")
    )
  }
}
