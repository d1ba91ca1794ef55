/** The server of one store, over a log that the test has a hand on. */
import { it } from "@effect/vitest"
import { Limits } from "@tidelog/sync-protocol"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { StorageError } from "../../src/EventLog.ts"
import * as SyncHooks from "../../src/SyncHooks.ts"
import * as SyncServer from "../../src/SyncServer.ts"
import * as TestAlarm from "./TestAlarm.ts"
import * as TestLog from "./TestLog.ts"

export interface ServerOptions extends SyncHooks.HookOptions {
  readonly limits?: Partial<Limits.LimitsService>
}

export type TestServices = SyncServer.SyncServer | TestLog.TestLog | TestAlarm.TestAlarm

export const layer = (options: ServerOptions = {}): Layer.Layer<TestServices, StorageError> =>
  SyncServer.layer.pipe(
    Layer.provideMerge(Layer.merge(TestLog.layer, TestAlarm.layer)),
    Layer.provide(SyncHooks.layer(options)),
    Layer.provide(Limits.layer(options.limits))
  )

/** Declares a test on a new server. */
export const testServer = <A, E>(
  name: string,
  body: Effect.Effect<A, E, TestServices>,
  options: ServerOptions = {}
): void => {
  it.effect(name, () => Effect.provide(body, layer(options)))
}
