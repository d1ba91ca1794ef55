/**
 * The worker, under `wrangler dev`, for all tests of a file.
 */
import { FileSystem, Path } from "@effect/platform"
import { freePort } from "@tidelog/e2e/src/freePort.ts"
import { attempt, type HarnessError } from "@tidelog/e2e/src/HarnessError.ts"
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
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const state = yield* fs.makeTempDirectoryScoped({ prefix: "tidelog-livestore-" })
    const logs = path.resolve(import.meta.dirname, "../test-results/wrangler")
    yield* fs.makeDirectory(logs, { recursive: true })
    const port = yield* freePort
    const inspectorPort = yield* freePort
    const request = (what: string, init?: RequestInit) =>
      attempt(`asking for ${what}`, async () => {
        const response = await fetch(`http://127.0.0.1:${port}${what}`, init)
        if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
      })
    const { start } = yield* WranglerDev.make({
      cwd: path.resolve(import.meta.dirname, "../worker"),
      port,
      inspectorPort,
      state,
      log: path.join(logs, `${port}.log`),
      vars: [`ADMIN_SECRET:${SECRET}`],
      answers: request("/health")
    })
    yield* start
    return {
      port,
      restart: start,
      setSunday: (isSunday) => request(`/rule?sunday=${isSunday}`),
      reset: (storeId) =>
        request(`/admin/stores/${storeId}/reset`, {
          method: "POST",
          headers: { authorization: `Bearer ${SECRET}` }
        })
    }
  })
)
