/** Who pushed what, and what came of it: a table of its own, in a database of its own. */
import { CloudflareEnv } from "@tidelog/sync-worker"
import { Clock, Context, Data, Effect, Layer } from "effect"

export interface Entry {
  readonly storeId: string
  readonly user: string
  readonly outcome: string
}

export class AuditFailed extends Data.TaggedError("AuditFailed")<{ readonly cause: unknown }> {}

export class Audit extends Context.Tag("signed-cookie/Audit")<
  Audit,
  { readonly record: (entry: Entry) => Effect.Effect<void, AuditFailed> }
>() {
  static readonly layer = Layer.effect(
    Audit,
    Effect.gen(function* () {
      const env = yield* CloudflareEnv.CloudflareEnv
      const database: unknown = Reflect.get(env, "AUDIT")
      if (!isDatabase(database)) return yield* new AuditFailed({ cause: "no D1 binding AUDIT" })
      return {
        record: Effect.fnUntraced(function* ({ outcome, storeId, user }: Entry) {
          const now = yield* Clock.currentTimeMillis
          yield* Effect.tryPromise({
            try: () =>
              database.batch([
                database.prepare(
                  "CREATE TABLE IF NOT EXISTS audit (at INTEGER, storeId TEXT, user TEXT, outcome TEXT)"
                ),
                database
                  .prepare("INSERT INTO audit VALUES (?1, ?2, ?3, ?4)")
                  .bind(now, storeId, user, outcome)
              ]),
            catch: (cause) => new AuditFailed({ cause })
          })
        })
      }
    })
  )
}

const isDatabase = (value: unknown): value is D1Database =>
  typeof value === "object" && value !== null && "prepare" in value && "batch" in value
