/**
 * Where the payload of a side comes from: the command line, a file, or the environment. A command line is seen
 * by everybody on the machine and kept by the shell, so a secret is better in the others.
 *
 * @since 0.1.0
 */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { InvalidSide, type SideName } from "./CopyError.ts"

/**
 * What the command line says.
 *
 * @since 0.1.0
 * @category models
 */
export interface PayloadOptions {
  readonly text: Option.Option<Redacted.Redacted>
  readonly file: Option.Option<string>
}

/**
 * The variable that holds a side's payload.
 *
 * @since 0.1.0
 * @category constants
 */
export const variables: Readonly<Record<SideName, string>> = {
  source: "TIDELOG_COPY_PAYLOAD_FROM",
  destination: "TIDELOG_COPY_PAYLOAD_TO"
}

const parse = Schema.decode(Schema.parseJson(Schema.Unknown))

/**
 * The payload of a side, `undefined` if there is none. Fails with `InvalidSide` if it cannot be read, in words
 * that do not quote it.
 *
 * @since 0.1.0
 * @category operations
 */
export const read = (
  side: SideName,
  options: PayloadOptions
): Effect.Effect<unknown, InvalidSide, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const invalid = (reason: string) => () => new InvalidSide({ side, reason })
    const found = Option.isSome(options.text)
      ? Option.map(options.text, Redacted.value)
      : Option.isSome(options.file)
        ? Option.some(
            yield* Effect.mapError(
              fs.readFileString(options.file.value),
              invalid(`the file ${options.file.value} of its payload cannot be read`)
            )
          )
        : yield* Effect.mapError(
            Config.option(Config.string(variables[side])),
            invalid(`${variables[side]} cannot be read`)
          )
    if (Option.isNone(found)) return undefined
    return yield* Effect.mapError(parse(found.value), invalid("its payload is no JSON"))
  })
