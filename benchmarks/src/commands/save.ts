/** Where results go. */
import { Options } from "@effect/cli"
import { FileSystem, Path } from "@effect/platform"
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as environment from "../environment.ts"

export const out = Options.directory("out").pipe(
  Options.withDescription("the folder for what is written"),
  Options.withDefault(`${import.meta.dirname}/../../results`)
)

/** Writes files, by their names in the folder. */
export const save = (folder: string, files: Readonly<Record<string, string>>) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    yield* fs.makeDirectory(folder, { recursive: true })
    for (const [name, text] of Object.entries(files)) {
      const file = path.join(folder, name)
      yield* fs.writeFileString(file, text)
      yield* Console.log(`written to ${file}`)
    }
  })

/** Writes what a measure of its own came to, with the machine and the versions. */
export const saveMeasure = (folder: string, name: string, measured: object) =>
  Effect.gen(function* () {
    const startedAt = DateTime.formatIso(DateTime.unsafeMake(yield* Clock.currentTimeMillis))
    const whole = {
      startedAt,
      commit: environment.commit(),
      machine: environment.machine(),
      versions: environment.versions(),
      ...measured
    }
    yield* save(folder, { [`${name}.json`]: `${JSON.stringify(whole, undefined, 2)}\n` })
  })
