import { createReadStream, createWriteStream } from "node:fs"
import { createRequire } from "node:module"
import { pipeline } from "node:stream/promises"
import { createBrotliDecompress } from "node:zlib"
/**
 * The browser to test with: the one that `CHROMIUM_PATH` names, or the one that travels inside the
 * npm package `@sparticuz/chromium`, which needs no download of its own.
 */
import { Command, FileSystem, Path } from "@effect/platform"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { attempt, HarnessError } from "./HarnessError.ts"

export interface ChromiumBinary {
  readonly path: string
  /** What its process needs besides the variables we have. */
  readonly env: Readonly<Record<string, string>>
}

/** The packed files of `@sparticuz/chromium`, and the version they are of. */
const packed = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const root = path.resolve(createRequire(import.meta.url).resolve("@sparticuz/chromium"), "../..")
  const { version } = yield* fs
    .readFileString(path.join(root, "package.json"))
    .pipe(
      Effect.flatMap(Schema.decode(Schema.parseJson(Schema.Struct({ version: Schema.String }))))
    )
  return { bin: path.join(root, "bin"), version }
})

const unpack = (bin: string, into: string) =>
  Effect.gen(function* () {
    const path = yield* Path.Path
    const inflate = (name: string, mode: number) =>
      attempt(`inflating ${name}`, () =>
        pipeline(
          createReadStream(path.join(bin, `${name}.br`)),
          createBrotliDecompress(),
          createWriteStream(path.join(into, name), { mode })
        )
      )
    const untar = (name: string) =>
      Effect.zipRight(
        inflate(name, 0o600),
        Command.exitCode(Command.make("tar", "-xf", path.join(into, name), "-C", into))
      )
    yield* Effect.all([inflate("chromium", 0o700), untar("al2023.tar"), untar("fonts.tar")], {
      concurrency: 3
    })
  })

/** The folder of the unpacked browser: unpacked once a version, whole or not at all. */
const unpacked = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const { bin, version } = yield* packed
  const cache = path.resolve(import.meta.dirname, "../node_modules/.cache")
  const folder = path.join(cache, `chromium-${version}`)
  if (yield* fs.exists(folder)) return folder
  yield* fs.makeDirectory(cache, { recursive: true })
  const fresh = yield* fs.makeTempDirectory({ directory: cache, prefix: "unpacking-" })
  yield* unpack(bin, fresh)
  // Another run may have been quicker; its folder is as good.
  yield* fs.rename(fresh, folder).pipe(
    Effect.catchAll((error) =>
      Effect.if(fs.exists(folder), {
        onTrue: () => fs.remove(fresh, { recursive: true }),
        onFalse: () => Effect.fail(error)
      })
    )
  )
  return folder
})

/** A machine may have no font at all; the package brings one, used beside those that are there. */
const writeFontConfig = (folder: string) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const file = path.join(folder, "with-system-fonts.conf")
    yield* fs.writeFileString(
      file,
      `<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <dir>${path.join(folder, "fonts")}</dir>
  <cachedir>${path.join(folder, "fonts-cache")}</cachedir>
</fontconfig>
`
    )
    return { FONTCONFIG_FILE: file }
  })

const starts = (path: string, env: Readonly<Record<string, string>>) =>
  Command.make(path, "--version").pipe(
    Command.env(env),
    Command.exitCode,
    Effect.map((code) => code === 0)
  )

/** Finds the browser, unpacking it at first use, and sees that it starts. */
export const find = Effect.gen(function* () {
  const path = yield* Path.Path
  const given = yield* Config.option(Config.nonEmptyString("CHROMIUM_PATH"))
  if (Option.isSome(given)) return { path: given.value, env: {} } satisfies ChromiumBinary

  const folder = yield* unpacked
  const binary = path.join(folder, "chromium")
  const fonts = yield* writeFontConfig(folder)
  if (yield* starts(binary, fonts)) return { path: binary, env: fonts } satisfies ChromiumBinary
  // A bare machine lacks NSS and its kin; the package brings those too.
  const env = { ...fonts, LD_LIBRARY_PATH: path.join(folder, "lib") }
  if (yield* starts(binary, env)) return { path: binary, env } satisfies ChromiumBinary
  return yield* new HarnessError({
    message: "the bundled Chromium does not start here; name another in CHROMIUM_PATH"
  })
})
