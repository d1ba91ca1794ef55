/**
 * The app's real worker under `wrangler dev`, on a state of its own that outlives a kill.
 */
import { Command, type CommandExecutor, FileSystem, Path } from "@effect/platform"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { appFolder } from "./app.ts"
import { attempt, HarnessError } from "./HarnessError.ts"
import * as WranglerDev from "./WranglerDev.ts"

export class Wrangler extends Context.Tag("@tidelog/e2e/Wrangler")<
  Wrangler,
  {
    /** Where the worker answers, on 127.0.0.1; the same after each start. */
    readonly port: number
    /** Starts it on the state that it left, and returns when it answers. */
    readonly start: Effect.Effect<void, HarnessError>
    /** Ends it and all its children at once, with SIGKILL. */
    readonly kill: Effect.Effect<void>
    /** Kills it, and empties its state: the next start is the first of a new server. */
    readonly forget: Effect.Effect<void, HarnessError>
    /** The rows that a statement on the worker's D1 yields, as `wrangler d1 execute` prints them. */
    readonly d1: <A, I>(
      row: Schema.Schema<A, I>,
      sql: string
    ) => Effect.Effect<ReadonlyArray<A>, HarnessError>
  }
>() {}

export const layer = Layer.scoped(
  Wrangler,
  Effect.gen(function* () {
    const context = yield* Effect.context<
      CommandExecutor.CommandExecutor | FileSystem.FileSystem | Path.Path
    >()
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const logs = path.resolve(import.meta.dirname, "../test-results/wrangler")
    const place = yield* WranglerDev.place("app", logs)
    const { port, state } = place

    const { kill, start } = yield* WranglerDev.make({
      ...place,
      cwd: appFolder,
      answers: attempt("asking the worker", () => fetch(`http://127.0.0.1:${port}/`))
    })

    const forget = Effect.zipRight(
      kill,
      fs.remove(state, { recursive: true }).pipe(
        Effect.zipRight(fs.makeDirectory(state)),
        Effect.mapError((cause) => new HarnessError({ message: "the state is not empty", cause }))
      )
    )

    const d1 = <A, I>(row: Schema.Schema<A, I>, sql: string) =>
      Command.make(
        process.execPath,
        WranglerDev.bin,
        "d1",
        "execute",
        "DB",
        "--local",
        "--persist-to",
        state,
        "--json",
        "--command",
        sql
      ).pipe(
        Command.workingDirectory(appFolder),
        Command.env(WranglerDev.env),
        Command.string,
        Effect.flatMap(
          Schema.decode(
            Schema.parseJson(Schema.Tuple(Schema.Struct({ results: Schema.Array(row) })))
          )
        ),
        Effect.map(([{ results }]) => results),
        Effect.mapError(
          (cause) => new HarnessError({ message: `d1 execute failed: ${sql}`, cause })
        ),
        Effect.provide(context)
      )

    yield* start
    return { port, start, kill, forget, d1 }
  })
)
