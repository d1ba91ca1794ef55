/**
 * The contract of an event log, as tests: any storage can be held to it.
 *
 * ```ts
 * describeEventLog("my storage", { layer: MyEventLog.layer, durable: true })
 * ```
 *
 * @since 0.1.0
 */
import { describe } from "@effect/vitest"
import type * as Layer from "effect/Layer"
import type { EventLog } from "../EventLog.ts"
import type { StoreId } from "../StoreId.ts"
import { declareAppend } from "./contract/append.ts"
import { makeHarness } from "./contract/harness.ts"
import { declareIncarnations, declareReopening } from "./contract/incarnations.ts"
import { declareRead } from "./contract/read.ts"

/**
 * - `layer`: the log of the store that `StoreId` names. It is built anew for each test, for stores
 *   that no test before has used.
 * - `durable`: whether a log that is opened again still has its events.
 *
 * @since 0.1.0
 * @category models
 */
export interface EventLogUnderTest<E> {
  readonly layer: Layer.Layer<EventLog, E, StoreId>
  readonly durable: boolean
}

/**
 * Declares the tests of the contract.
 *
 * @since 0.1.0
 * @category tests
 */
export const describeEventLog = <E>(name: string, storage: EventLogUnderTest<E>): void => {
  describe(`EventLog: ${name}`, () => {
    const harness = makeHarness(name, storage)
    declareAppend(harness)
    declareRead(harness)
    declareIncarnations(harness)
    if (storage.durable) declareReopening(harness)
  })
}
