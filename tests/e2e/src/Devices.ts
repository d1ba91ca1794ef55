/**
 * What a person holds in the hand: a browser of their own, on network cables of its own.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { appPorts } from "./app.ts"
import * as Cable from "./Cable.ts"
import { Chromium } from "./Chromium.ts"
import { attempt, type HarnessError } from "./HarnessError.ts"
import { PageServer } from "./PageServer.ts"
import * as TodoPage from "./TodoPage.ts"
import { Wrangler } from "./Wrangler.ts"

export interface Device {
  readonly page: TodoPage.TodoPage
  /** Takes the device off the network: its connections break, and its browser knows that it is offline. */
  readonly unplug: Effect.Effect<void, HarnessError>
  /** Brings it back. */
  readonly plugIn: Effect.Effect<void, HarnessError>
}

export class Devices extends Context.Tag("@tidelog/e2e/Devices")<
  Devices,
  {
    /** A device with nothing on it yet; it is gone when the scope closes. */
    readonly make: Effect.Effect<Device, HarnessError, Scope.Scope>
  }
>() {}

const viewport = { width: 640, height: 720 }

export const layer = Layer.effect(
  Devices,
  Effect.gen(function* () {
    const chromium = yield* Chromium
    const pageServer = yield* PageServer
    const wrangler = yield* Wrangler

    const make = Effect.gen(function* () {
      const toPage = yield* Cable.make(pageServer.port)
      const toWorker = yield* Cable.make(wrangler.port)
      const browser = yield* chromium.launch({
        ports: { [appPorts.page]: toPage.port, [appPorts.worker]: toWorker.port },
        viewport
      })
      const page = yield* attempt("opening a tab", () => browser.newPage())
      const offline = (is: boolean) => attempt("telling the browser", () => browser.setOffline(is))
      return {
        page: TodoPage.make(page),
        unplug: Effect.all([toPage.cut, toWorker.cut, offline(true)], { discard: true }),
        plugIn: Effect.all([toPage.mend, toWorker.mend, offline(false)], { discard: true })
      }
    })

    return { make }
  })
)
