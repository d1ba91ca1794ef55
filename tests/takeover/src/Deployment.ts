/**
 * One worker under `wrangler dev`, on one state: first LiveStore's official backend, then this project's.
 */
import { FileSystem, Path } from "@effect/platform"
import { freePort } from "@tidelog/e2e/src/freePort.ts"
import { attempt } from "@tidelog/e2e/src/HarnessError.ts"
import * as WranglerDev from "@tidelog/e2e/src/WranglerDev.ts"
import * as Effect from "effect/Effect"

/** Starts the official backend. `redeploy` ends it, and starts the other one in its place. */
export const start = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const state = yield* fs.makeTempDirectoryScoped({ prefix: "tidelog-takeover-" })
  const logs = path.resolve(import.meta.dirname, "../test-results/wrangler")
  yield* fs.makeDirectory(logs, { recursive: true })
  const port = yield* freePort
  const inspectorPort = yield* freePort

  const server = (name: "official" | "tidelog") =>
    WranglerDev.make({
      cwd: path.resolve(import.meta.dirname, name),
      port,
      inspectorPort,
      state,
      log: path.join(logs, `${name}-${port}.log`),
      answers: attempt("asking the worker", () => fetch(`http://127.0.0.1:${port}/`))
    })

  const official = yield* server("official")
  const tidelog = yield* server("tidelog")
  yield* official.start
  return {
    port,
    redeploy: Effect.zipRight(official.kill, tidelog.start),
    /** What the server of this project has logged. */
    log: Effect.orDie(fs.readFileString(path.join(logs, `tidelog-${port}.log`)))
  }
})
