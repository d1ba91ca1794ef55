/**
 * Where browsers get the page from.
 */
import { Command, FileSystem, Path } from "@effect/platform"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { createServer, preview } from "vite"
import { appFolder, binOf } from "./app.ts"
import { freePort } from "./freePort.ts"
import { attempt, HarnessError } from "./HarnessError.ts"

export class PageServer extends Context.Tag("@tidelog/e2e/PageServer")<
  PageServer,
  {
    /** Where it answers, on 127.0.0.1. */
    readonly port: number
  }
>() {}

/**
 * Builds the page into `folder`, which it empties first.
 *
 * In a process of its own: within a test's, `NODE_ENV` would make it a development build. `config`: the
 * file of another configuration of Vite than the app's own.
 */
export const buildInto = (folder: string, config?: string) =>
  Command.make(
    process.execPath,
    binOf("vite", "bin/vite.js"),
    "build",
    "--outDir",
    folder,
    "--emptyOutDir",
    ...(config === undefined ? [] : ["--config", config]),
    "--logLevel",
    "warn"
  ).pipe(
    Command.workingDirectory(appFolder),
    Command.env({ NODE_ENV: "production" }),
    Command.stdout("inherit"),
    Command.stderr("inherit"),
    Command.exitCode,
    Effect.filterOrFail(
      (code) => code === 0,
      (code) => `vite build ended with ${code}`
    ),
    Effect.mapError((cause) => new HarnessError({ message: "the page was not built", cause }))
  )

/** The page that was built into `folder`, served as a static host would. */
export const layer = (folder: string) =>
  Layer.scoped(
    PageServer,
    Effect.gen(function* () {
      const port = yield* freePort
      yield* Effect.acquireRelease(
        attempt("serving the page", () =>
          preview({
            root: appFolder,
            logLevel: "warn",
            build: { outDir: folder },
            preview: { host: "127.0.0.1", port, strictPort: true }
          })
        ),
        (server) => Effect.promise(() => server.close())
      )
      return { port }
    })
  )

/** The page as `pnpm dev` serves it on a fresh clone: nothing is prepared yet. */
export const layerDev = Layer.scoped(
  PageServer,
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    // Within the app, from where the prepared dependencies still find their own.
    const cacheDir = yield* fs.makeTempDirectoryScoped({
      directory: path.join(appFolder, "node_modules"),
      prefix: ".vite-fresh-"
    })
    const port = yield* freePort
    yield* Effect.acquireRelease(
      attempt("starting the dev server", async () => {
        const server = await createServer({
          root: appFolder,
          cacheDir,
          logLevel: "warn",
          server: { host: "127.0.0.1", port, strictPort: true }
        })
        return server.listen()
      }),
      (server) => Effect.promise(() => server.close())
    )
    return { port }
  })
)
