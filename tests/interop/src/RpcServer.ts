/** The worker whose objects are clients of its backend, under a `wrangler dev` of its own. */
import { FileSystem, Path } from "@effect/platform"
import { freePort } from "@tidelog/e2e/src/freePort.ts"
import { attempt, type HarnessError } from "@tidelog/e2e/src/HarnessError.ts"
import * as WranglerDev from "@tidelog/e2e/src/WranglerDev.ts"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"

export class RpcServer extends Context.Tag("test/RpcServer")<
  RpcServer,
  {
    readonly url: string
    /** Asks an object, or the backend: JSON. `body`: with it the request is a POST. */
    readonly ask: (path: string, body?: unknown) => Effect.Effect<unknown, HarnessError>
    /** Ends it and starts it on the state that it left: nothing is in memory any more. */
    readonly restart: Effect.Effect<void, HarnessError>
  }
>() {
  static readonly layer = Layer.scoped(
    this,
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const state = yield* fs.makeTempDirectoryScoped({ prefix: "tidelog-interop-rpc-" })
      const logs = path.resolve(import.meta.dirname, "../test-results/wrangler")
      yield* fs.makeDirectory(logs, { recursive: true })
      const port = yield* freePort
      const url = `http://127.0.0.1:${port}`
      const text = (at: string, body?: unknown) =>
        attempt(`asking ${at}`, async () => {
          const post = { method: "POST", body: JSON.stringify(body) }
          const response = await fetch(url + at, body === undefined ? {} : post)
          const answer = await response.text()
          if (!response.ok) throw new Error(`${at}: ${response.status} ${answer}`)
          return answer
        })
      const { start } = yield* WranglerDev.make({
        cwd: path.resolve(import.meta.dirname, "rpcServer"),
        port,
        inspectorPort: yield* freePort,
        state,
        log: path.join(logs, `rpc-${port}.log`),
        answers: text("/ready")
      })
      yield* start
      return {
        url,
        restart: start,
        ask: (at: string, body?: unknown) =>
          Effect.flatMap(text(at, body), (answer) =>
            Effect.orDie(Schema.decodeUnknown(Schema.parseJson())(answer))
          )
      }
    })
  )
}
