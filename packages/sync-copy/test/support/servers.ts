/**
 * The servers that are copied between, each under a `wrangler dev` of its own: LiveStore's official one from npm,
 * this project's with its defaults, and this project's with small limits, a token and a rule.
 */
import { Path } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { start } from "@tidelog/benchmarks/src/BenchServer.ts"
import { ask } from "@tidelog/e2e/src/ask.ts"
import type { HarnessError } from "@tidelog/e2e/src/HarnessError.ts"
import * as WranglerDev from "@tidelog/e2e/src/WranglerDev.ts"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

export interface Server {
  readonly url: string
  /** Kills it and starts it on the state that it left. */
  readonly restart: Effect.Effect<void, HarnessError>
}

export type ServerName = "official" | "tidelog" | "second"

export class Servers extends Context.Tag("test/Servers")<
  Servers,
  Readonly<Record<ServerName, Server>>
>() {}

const second = Effect.gen(function* () {
  const path = yield* Path.Path
  const logs = path.resolve(import.meta.dirname, "../../test-results/wrangler")
  const place = yield* WranglerDev.place("copy-second", logs)
  const { start: restart } = yield* WranglerDev.make({
    ...place,
    cwd: path.resolve(import.meta.dirname, "second"),
    answers: ask(`http://127.0.0.1:${place.port}/health`)
  })
  yield* restart
  return { url: `ws://127.0.0.1:${place.port}`, restart }
})

const bench = (name: "official" | "tidelog") =>
  Effect.map(start(name), ({ port, restart }) => ({ url: `ws://127.0.0.1:${port}`, restart }))

export const layer = Layer.scoped(
  Servers,
  Effect.all({ official: bench("official"), tidelog: bench("tidelog"), second }, { concurrency: 3 })
).pipe(Layer.provide(NodeContext.layer))
