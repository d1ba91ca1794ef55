/** The worker whose objects are clients of its backend, under a `wrangler dev` of its own. */
import { Path } from "@effect/platform"
import { ask } from "@tidelog/e2e/src/ask.ts"
import type { HarnessError } from "@tidelog/e2e/src/HarnessError.ts"
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
      const path = yield* Path.Path
      const logs = path.resolve(import.meta.dirname, "../test-results/wrangler")
      const place = yield* WranglerDev.place("interop-rpc", logs)
      const url = `http://127.0.0.1:${place.port}`
      const { start } = yield* WranglerDev.make({
        ...place,
        cwd: path.resolve(import.meta.dirname, "rpcServer"),
        answers: ask(`${url}/ready`)
      })
      yield* start
      return {
        url,
        restart: start,
        ask: (at: string, body?: unknown) =>
          Effect.flatMap(
            ask(url + at, body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
            (answer) => Effect.orDie(Schema.decodeUnknown(Schema.parseJson())(answer))
          )
      }
    })
  )
}
