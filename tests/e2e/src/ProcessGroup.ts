/**
 * A command and all its children, as one thing that can be killed.
 */
import { Command, FileSystem, Path } from "@effect/platform"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { HarnessError } from "./HarnessError.ts"

export interface Options {
  readonly command: string
  readonly args: ReadonlyArray<string>
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  /** The file that its output is appended to. */
  readonly log: string
}

/**
 * Starts a command in a process group of its own.
 *
 * Closing the scope kills the group with SIGKILL, so that nothing gets to tidy up, and waits until
 * it is gone. So does the end of this process, whatever ends it.
 */
export const start = (options: Options) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const group = yield* Command.make(
      process.execPath,
      path.join(import.meta.dirname, "internal/guard.ts"),
      options.command,
      ...options.args
    ).pipe(Command.workingDirectory(options.cwd), Command.env(options.env), Command.start)
    yield* Stream.merge(group.stdout, group.stderr).pipe(
      Stream.run(fs.sink(options.log, { flag: "a" })),
      Effect.ignoreLogged,
      Effect.forkScoped
    )
    yield* Effect.addFinalizer(() => Effect.ignore(group.kill("SIGKILL")))
  }).pipe(
    Effect.mapError(
      (cause) => new HarnessError({ message: `${options.command} did not start`, cause })
    ),
    Effect.withSpan("ProcessGroup.start", { attributes: { command: options.command } })
  )
