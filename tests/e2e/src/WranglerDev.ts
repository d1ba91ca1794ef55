/**
 * `wrangler dev` as a process that can be started again and killed.
 */
import { type CommandExecutor, FileSystem, Path } from "@effect/platform"
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Exit from "effect/Exit"
import * as Ref from "effect/Ref"
import * as Scope from "effect/Scope"
import { binOf } from "./app.ts"
import { eventually } from "./eventually.ts"
import { freePort } from "./freePort.ts"
import { HarnessError } from "./HarnessError.ts"
import * as ProcessGroup from "./ProcessGroup.ts"

/** Wrangler asks nothing outside this machine. */
export const env = { CLOUDFLARE_CF_FETCH_ENABLED: "false", WRANGLER_SEND_METRICS: "false" }

export const bin = binOf("wrangler", "bin/wrangler.js")

/** Where a worker runs; the same after each start. */
export interface Place {
  /** On 127.0.0.1. */
  readonly port: number
  readonly inspectorPort: number
  /** The folder of its state, which outlives a kill. */
  readonly state: string
  /** The file that its output is appended to. */
  readonly log: string
}

/** Free ports, and an empty state that is removed with the scope. The log is in `logs`, under a name that begins so. */
export const place = (name: string, logs: string) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const state = yield* fs.makeTempDirectoryScoped({ prefix: `tidelog-${name}-` })
    yield* fs.makeDirectory(logs, { recursive: true })
    const port = yield* freePort
    const inspectorPort = yield* freePort
    return {
      port,
      inspectorPort,
      state,
      log: path.join(logs, `${name}-${port}.log`)
    } satisfies Place
  })

export interface Options extends Place {
  /** The folder of the worker's configuration. */
  readonly cwd: string
  /** Variables of the worker, each as `NAME:value`. */
  readonly vars?: ReadonlyArray<string>
  /** Succeeds once it answers. */
  readonly answers: Effect.Effect<unknown, HarnessError>
}

/**
 * `start` ends what is running and returns when the new one answers; `kill` ends it and all its
 * children at once. So does closing the scope.
 */
export const make = (options: Options) =>
  Effect.gen(function* () {
    const context = yield* Effect.context<
      CommandExecutor.CommandExecutor | FileSystem.FileSystem | Path.Path
    >()
    const scope = yield* Effect.scope
    const running = yield* Ref.make<Scope.CloseableScope | undefined>(undefined)

    const kill = Effect.flatMap(Ref.getAndSet(running, undefined), (group) =>
      group === undefined ? Effect.void : Scope.close(group, Exit.void)
    )

    const start = Effect.gen(function* () {
      yield* kill
      const group = yield* Scope.fork(scope, ExecutionStrategy.sequential)
      yield* Ref.set(running, group)
      const { cwd, inspectorPort, log, port, state, vars = [] } = options
      yield* ProcessGroup.start({
        command: process.execPath,
        args: [
          bin,
          "dev",
          "--ip=127.0.0.1",
          `--port=${port}`,
          `--inspector-port=${inspectorPort}`,
          `--persist-to=${state}`,
          ...(vars.length === 0 ? [] : ["--var", ...vars])
        ],
        cwd,
        env,
        log
      }).pipe(Scope.extend(group))
      yield* eventually("the worker answers", options.answers, () => true).pipe(
        Effect.mapError(
          ({ message }) =>
            new HarnessError({ message: `${message}\nWhat wrangler said is in ${log}` })
        )
      )
    }).pipe(Effect.provide(context))

    return { start, kill }
  })
