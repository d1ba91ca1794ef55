/** The SQLite database of a Durable Object in workerd, as the engine sees it from inside. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { Miniflare } from "miniflare"
import { afterAll } from "vitest"
import { StorageError } from "../../src/EventLog.ts"
import { SqlEngine } from "../../src/SqlEngine.ts"
import type { SqlEngineService } from "../../src/SqlEngine.ts"
import { bundle } from "./server.ts"

const Answer = Schema.Union(
  Schema.Struct({
    results: Schema.Array(
      Schema.Struct({ rows: Schema.Array(Schema.Unknown), changes: Schema.Int })
    )
  }),
  Schema.Struct({ error: Schema.String })
)

/** Objects with storage, one for each test file. */
export const startObjects = async () => {
  const miniflare = new Miniflare({
    modules: true,
    script: await bundle("./storageWorker.ts"),
    compatibilityDate: "2026-07-30",
    durableObjects: { STORAGE: { className: "StorageDO", useSQLite: true } }
  })
  afterAll(() => miniflare.dispose())
  const ask = async (object: string, path: string, body?: unknown): Promise<unknown> => {
    const url = new URL(path, "http://objects")
    url.searchParams.set("object", object)
    const response = await miniflare.dispatchFetch(
      url.href,
      body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }
    )
    return response.json()
  }

  /** The engine of an object. */
  const engine = (object: string): SqlEngineService => ({
    batch: (operation, statements) =>
      Effect.tryPromise(() => ask(object, "/batch", { operation, statements })).pipe(
        Effect.flatMap(Schema.decodeUnknown(Answer)),
        Effect.orDie,
        Effect.flatMap((answer) =>
          "error" in answer
            ? new StorageError({ operation, cause: new Error(answer.error) })
            : Effect.succeed(answer.results)
        )
      )
  })
  return { ask, engine, layer: (object: string) => Layer.succeed(SqlEngine, engine(object)) }
}
