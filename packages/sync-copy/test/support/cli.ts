/** The command: as a process of its own, as people start it, or sooner, in this one. */
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { Command } from "@effect/cli"
import { NodeContext } from "@effect/platform-node"
import * as Terminal from "@effect/platform/Terminal"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Console from "effect/Console"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { make } from "../../src/Command.ts"
import * as WebSocket from "../../src/internal/webSocket.ts"

const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url))

export interface Ended {
  /** What a shell would see; null if a signal has ended it. */
  readonly code: number | null
  readonly output: string
}

export interface Running {
  readonly kill: (signal: NodeJS.Signals) => Effect.Effect<void>
  /** Waits until the output holds a text. Fails if the process ends without it. */
  readonly says: (text: string) => Effect.Effect<void, string>
  readonly ended: Effect.Effect<Ended>
}

/** Starts it; closing the scope kills it. */
export const start = (args: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}) =>
  Effect.acquireRelease(
    Effect.sync((): Running => {
      const child = spawn(process.execPath, [main, ...args], {
        env: { ...process.env, ...env },
        stdio: ["ignore", "pipe", "pipe"]
      })
      let output = ""
      const listeners = new Set<() => void>()
      const onData = (data: unknown) => {
        output += String(data)
        for (const listener of listeners) listener()
      }
      child.stdout.on("data", onData)
      child.stderr.on("data", onData)
      const ended = new Promise<Ended>((resolve) => {
        child.on("close", (code) => resolve({ code, output }))
      })
      return {
        kill: (signal) => Effect.sync(() => child.kill(signal)),
        says: (text) =>
          Effect.async<void>((resume) => {
            const listener = () => {
              if (output.includes(text)) resume(Effect.void)
            }
            listeners.add(listener)
            listener()
          }).pipe(
            Effect.raceFirst(
              Effect.flatMap(
                Effect.promise(() => ended),
                ({ output }) => Effect.fail(output)
              )
            )
          ),
        ended: Effect.promise(() => ended)
      }
    }),
    ({ kill }) => kill("SIGKILL")
  )

/** Runs it to its end. */
export const run = (args: ReadonlyArray<string>, env?: Readonly<Record<string, string>>) =>
  Effect.scoped(Effect.flatMap(start(args, env), ({ ended }) => ended))

/** Runs it to its end in this process. `env`: all of its environment. */
export const runHere = (
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {}
): Effect.Effect<{ readonly verified: boolean; readonly output: string }> =>
  Effect.gen(function* () {
    let output = ""
    const write = (...texts: ReadonlyArray<unknown>) =>
      Effect.sync(() => {
        output += `${texts.join(" ")}\n`
      })
    const terminal = Layer.map(NodeContext.layer, (context) =>
      Context.add(context, Terminal.Terminal, {
        ...Context.get(context, Terminal.Terminal),
        display: write
      })
    )
    const run = Command.run(make(Effect.never), { name: "copy", version: "0" })
    const console = yield* Console.consoleWith(Effect.succeed)
    const verified = yield* run(["node", "copy", ...args]).pipe(
      Effect.isSuccess,
      Effect.withConsole({ ...console, log: write, error: write }),
      Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(env)))),
      Effect.provide(Layer.merge(WebSocket.layer, terminal))
    )
    return { verified, output }
  })
