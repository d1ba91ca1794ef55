import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { EventLog } from "../../EventLog.ts"
import type { EventLogService } from "../../EventLog.ts"
import { StoreId } from "../../StoreId.ts"

/** What the tests of a storage are declared with. */
export interface Harness<E> {
  /** Whether a log that is opened again still has its events. */
  readonly durable: boolean

  /** An id that no test before has used. */
  readonly newStoreId: () => string

  /** The log of a store, opened anew. */
  readonly open: (storeId: string) => Layer.Layer<EventLog, E>

  /** Declares a test on a new log. */
  readonly test: <A, E2>(
    rule: string,
    body: Effect.Effect<A, E2, EventLog>,
    timeout?: number
  ) => void

  /** Uses the log of a store, opened anew. */
  readonly visit: <A, E2>(
    storeId: string,
    use: (log: EventLogService) => Effect.Effect<A, E2>
  ) => Effect.Effect<A, E | E2>
}

export const makeHarness = <E>(
  name: string,
  {
    durable,
    layer
  }: { readonly durable: boolean; readonly layer: Layer.Layer<EventLog, E, StoreId> }
): Harness<E> => {
  let stores = 0
  const open = (storeId: string) => Layer.provide(layer, Layer.succeed(StoreId, storeId))
  const newStoreId = () => `contract_${name.replace(/[^a-z0-9]/gi, "").toLowerCase()}_${stores++}`
  return {
    durable,
    newStoreId,
    open,
    test: (rule, body, timeout) => {
      it.effect(rule, () => Effect.provide(body, open(newStoreId())), timeout)
    },
    visit: (storeId, use) => Effect.provide(Effect.flatMap(EventLog, use), open(storeId))
  }
}
