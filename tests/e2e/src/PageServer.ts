/**
 * The built page, served as a static host would.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { build, preview } from "vite"
import { appFolder } from "./app.ts"
import { freePort } from "./freePort.ts"
import { attempt } from "./HarnessError.ts"

export class PageServer extends Context.Tag("@tidelog/e2e/PageServer")<
  PageServer,
  {
    /** Where it answers, on 127.0.0.1. */
    readonly port: number
  }
>() {}

/** Builds the page for production into `folder`, which it empties first. */
export const buildInto = (folder: string) =>
  attempt("building the page", () =>
    build({ root: appFolder, logLevel: "warn", build: { outDir: folder, emptyOutDir: true } })
  )

/** Serves the page that was built into `folder`. */
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
