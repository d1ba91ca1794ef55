/**
 * One worker under `wrangler dev`, on one state: first LiveStore's official backend, then this project's.
 */
import { FileSystem, Path } from "@effect/platform"
import { attempt } from "@tidelog/e2e/src/HarnessError.ts"
import * as WranglerDev from "@tidelog/e2e/src/WranglerDev.ts"
import * as Effect from "effect/Effect"

/** Starts the official backend. `redeploy` ends it, and starts the other one in its place. */
export const start = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const logs = path.resolve(import.meta.dirname, "../test-results/wrangler")
  const place = yield* WranglerDev.place("takeover", logs)
  const { port } = place

  const server = (name: "official" | "tidelog") =>
    WranglerDev.make({
      ...place,
      cwd: path.resolve(import.meta.dirname, name),
      answers: attempt("asking the worker", () => fetch(`http://127.0.0.1:${port}/`))
    })

  const official = yield* server("official")
  const tidelog = yield* server("tidelog")
  yield* official.start
  return {
    port,
    redeploy: Effect.zipRight(official.kill, tidelog.start),
    /** What both have logged. */
    log: Effect.orDie(fs.readFileString(place.log))
  }
})
