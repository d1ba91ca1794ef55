/**
 * A measured worker with a door for the harness beside it.
 */
import type { BenchEnv } from "./BenchEnv.ts"
import { meter } from "./Meter.ts"

export interface BenchWorker {
  readonly fetch: (request: Request, env: BenchEnv, ctx: ExecutionContext) => Promise<Response>
}

/**
 * `createStores`: makes the tables of stores as the server itself would when they are first opened,
 * without the sockets.
 */
export const benchWorker = (options: {
  readonly worker: BenchWorker
  readonly createStores: (database: D1Database, storeIds: ReadonlyArray<string>) => Promise<void>
}): BenchWorker => ({
  fetch: async (request, env, ctx) => {
    const { pathname, searchParams } = new URL(request.url)
    switch (pathname) {
      case "/bench/meter":
        return Response.json(meter)
      case "/bench/stores": {
        const from = Number(searchParams.get("from"))
        const to = Number(searchParams.get("to"))
        await options.createStores(
          env.DB,
          Array.from({ length: to - from }, (_, index) => `filler_${from + index}`)
        )
        return new Response("made\n")
      }
      case "/bench/writes":
        await write(env.DB, Number(searchParams.get("count")))
        return new Response("written\n")
      default:
        return options.worker.fetch(request, env, ctx)
    }
  }
})

/** Writes rows, each after the last is written: the least that a push costs on D1. */
const write = async (database: D1Database, count: number) => {
  await database.exec(
    "CREATE TABLE IF NOT EXISTS bench_writes (row INTEGER PRIMARY KEY, text TEXT)"
  )
  for (let row = 0; row < count; row++) {
    await database
      .prepare("INSERT INTO bench_writes (text) VALUES (?1)")
      .bind("x".repeat(150))
      .run()
  }
}
