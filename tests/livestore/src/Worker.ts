/**
 * The worker, under `wrangler dev`, for all tests of a file.
 */
import { Path } from "@effect/platform"
import { ask } from "@tidelog/e2e/src/ask.ts"
import type { HarnessError } from "@tidelog/e2e/src/HarnessError.ts"
import * as WranglerDev from "@tidelog/e2e/src/WranglerDev.ts"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

export interface WorkerService {
  /** Where it listens, on 127.0.0.1. */
  readonly port: number
  /** Ends it, as a crash does, and starts it on what it has stored. */
  readonly restart: Effect.Effect<void, HarnessError>
  /** Whether it is Sunday, when the app's rule accepts nothing. */
  readonly setSunday: (isSunday: boolean) => Effect.Effect<void, HarnessError>
  /** Empties a store: its log is another one from then on. */
  readonly reset: (storeId: string) => Effect.Effect<void, HarnessError>
}

export class Worker extends Context.Tag("test/Worker")<Worker, WorkerService>() {}

const SECRET = "local-secret"

export const layer = Layer.scoped(
  Worker,
  Effect.gen(function* () {
    const path = yield* Path.Path
    const logs = path.resolve(import.meta.dirname, "../test-results/wrangler")
    const place = yield* WranglerDev.place("livestore", logs)
    const { port } = place
    const request = (what: string, init?: RequestInit) =>
      ask(`http://127.0.0.1:${port}${what}`, init)
    const { start } = yield* WranglerDev.make({
      ...place,
      cwd: path.resolve(import.meta.dirname, "../worker"),
      vars: [`ADMIN_SECRET:${SECRET}`],
      answers: request("/health")
    })
    yield* start
    return {
      port,
      restart: start,
      setSunday: (isSunday) => Effect.asVoid(request(`/rule?sunday=${isSunday}`)),
      reset: (storeId) =>
        Effect.asVoid(
          request(`/admin/stores/${storeId}/reset`, {
            method: "POST",
            headers: { authorization: `Bearer ${SECRET}` }
          })
        )
    }
  })
)
