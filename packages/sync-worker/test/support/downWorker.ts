/** Workers whose database can be made to fail or to wait, and tells how much is read in it. */
import { makeDurableObject, makeWorker } from "../../src/index.ts"
import type { SyncWorker } from "../../src/index.ts"

/** All of them outlive the objects, which share them with the Worker. */
let isDown = false
let isSlow = false
let rowsRead = 0

const tally = <Results extends ReadonlyArray<D1Result>>(results: Results): Results => {
  for (const { meta } of results) rowsRead += meta.rows_read
  return results
}

const prepared = (statement: D1PreparedStatement): D1PreparedStatement => {
  const all = statement.all.bind(statement)
  const bind = statement.bind.bind(statement)
  return Object.assign(statement, {
    bind: (...params: ReadonlyArray<unknown>) => prepared(bind(...params)),
    all: async () => tally([await all()])[0]
  })
}

const untilFast = async (): Promise<void> => {
  if (!isSlow) return
  await new Promise((resolve) => setTimeout(resolve, 20))
  await untilFast()
}

const watched = (database: D1Database) => ({
  prepare: (sql: string) => {
    if (isDown) throw new Error("the database is down")
    return prepared(database.prepare(sql))
  },
  batch: async (statements: Array<D1PreparedStatement>) => {
    await untilFast()
    return tally(await database.batch(statements))
  }
})

const withWatched = (env: object) => ({ ...env, DB: watched(Reflect.get(env, "DB")) })

export class SyncBackendDO extends makeDurableObject({ limits: { maxEventBytes: 1_000 } }) {
  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, withWatched(env))
  }
}

export class SqliteDO extends makeDurableObject({
  storage: { _tag: "do-sqlite" },
  limits: { maxEventBytes: 1_000 }
}) {
  /** What there is in the object. */
  tables() {
    return this.ctx.storage.sql.exec("SELECT name FROM sqlite_schema").toArray()
  }
}

interface Env {
  readonly SQLITE: DurableObjectNamespace<SqliteDO>
}

const workers: Record<string, SyncWorker> = {
  d1: makeWorker({ validatePayload: (payload) => payload }),
  sqlite: makeWorker({ storage: { _tag: "do-sqlite" }, durableObject: { name: "SQLITE" } })
}

export default {
  async fetch(request: Request, env: Env, ctx: ExecutionContext) {
    const [, origin = "", name = "", rest = ""] =
      /^(https?:\/\/[^/]+)\/(\w+)(.*)$/.exec(request.url) ?? []
    const { searchParams } = new URL(request.url)
    switch (name) {
      case "down":
        isDown = searchParams.has("yes")
        isSlow = searchParams.has("slow")
        return new Response()
      case "rows":
        return Response.json(rowsRead)
      case "tables": {
        const storeId = searchParams.get("storeId") ?? ""
        return Response.json(await env.SQLITE.get(env.SQLITE.idFromName(storeId)).tables())
      }
    }
    return (
      workers[name]?.fetch(new Request(`${origin}${rest}`, request), withWatched(env), ctx)
      ?? new Response("nowhere")
    )
  }
}
