/**
 * This project's server with its default options.
 */
import { EventLog, EventLogD1, makeDurableObject, makeWorker, StoreId } from "@tidelog/sync-worker"
import * as Effect from "effect/Effect"
import type { BenchEnv } from "../BenchEnv.ts"
import { benchWorker } from "../benchWorker.ts"
import { instrument } from "../instrument.ts"

export class TidelogObject extends makeDurableObject() {
  constructor(ctx: DurableObjectState, env: BenchEnv) {
    super(ctx, instrument(ctx, env))
  }
}

export default benchWorker({
  worker: makeWorker(),
  createStores: (database, storeIds) =>
    Effect.forEach(
      storeIds,
      (storeId) =>
        EventLog.EventLog.pipe(
          Effect.provide(EventLogD1.layer(database)),
          Effect.provideService(StoreId.StoreId, storeId)
        ),
      { discard: true }
    ).pipe(Effect.runPromise)
})
