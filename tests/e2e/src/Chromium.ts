/**
 * Browsers with a profile of their own, as a person has one: own storage, own service worker.
 */
import { FileSystem } from "@effect/platform"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { type BrowserContext, chromium } from "playwright-core"
import * as ChromiumBinary from "./ChromiumBinary.ts"
import { attempt, HarnessError } from "./HarnessError.ts"

export interface LaunchOptions {
  /** Ports of `localhost` as the page sees them, and the ports of 127.0.0.1 that stand behind them. */
  readonly ports: Readonly<Record<number, number>>
  readonly viewport: { readonly width: number; readonly height: number }
}

export class Chromium extends Context.Tag("@tidelog/e2e/Chromium")<
  Chromium,
  {
    /** Starts a browser with a new profile; it ends, and its profile goes, with the scope. */
    readonly launch: (
      options: LaunchOptions
    ) => Effect.Effect<BrowserContext, HarnessError, Scope.Scope>
  }
>() {}

/** The page believes in its usual addresses, and nothing else can be reached. */
const hostRules = (ports: LaunchOptions["ports"]) =>
  [
    ...Object.entries(ports).map(([seen, real]) => `MAP localhost:${seen} 127.0.0.1:${real}`),
    "MAP * ~NOTFOUND"
  ].join(", ")

export const layer = Layer.effect(
  Chromium,
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const binary = yield* ChromiumBinary.find

    const launch = (options: LaunchOptions) =>
      Effect.gen(function* () {
        const profile = yield* fs
          .makeTempDirectoryScoped({ prefix: "tidelog-profile-" })
          .pipe(
            Effect.mapError(
              (cause) => new HarnessError({ message: "no folder for a profile", cause })
            )
          )
        const browser = yield* Effect.acquireRelease(
          attempt("launching Chromium", () =>
            chromium.launchPersistentContext(profile, {
              executablePath: binary.path,
              env: { ...process.env, ...binary.env },
              headless: true,
              // It opens nothing but our own page, and the sandbox needs what root in a container
              // and a user of a hardened system are both refused.
              chromiumSandbox: false,
              viewport: options.viewport,
              args: [
                `--host-resolver-rules=${hostRules(options.ports)}`,
                "--disable-gpu",
                // Docker gives /dev/shm too little room for a browser.
                "--disable-dev-shm-usage"
              ]
            })
          ),
          (browser) => Effect.promise(() => browser.close())
        )
        browser.setDefaultTimeout(60_000)
        return browser
      })

    return { launch }
  })
)
