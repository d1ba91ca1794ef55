/**
 * LiveStore's own backend from npm, over D1 as its documentation sets it up.
 */
import { makeDurableObject, makeWorker } from "@livestore/sync-cf/cf-worker"
import type { BenchEnv } from "../BenchEnv.ts"
import { benchWorker } from "../benchWorker.ts"
import type { BenchWorker } from "../benchWorker.ts"
import { instrument } from "../instrument.ts"

const Base = makeDurableObject({ storage: { _tag: "d1", binding: "DB" } })

export class OfficialObject extends Base {
  constructor(ctx: ConstructorParameters<typeof Base>[0], env: BenchEnv) {
    super(ctx, instrument(ctx, env))
  }
}

/** Its types are those of an older release of the platform's. */
const worker = makeWorker({
  syncBackendBinding: "WEBSOCKET_SERVER"
}) as object as BenchWorker

export default benchWorker({
  worker,
  createStores: async (database, storeIds) => {
    await database.batch(
      storeIds.map((storeId) =>
        database.prepare(
          `CREATE TABLE IF NOT EXISTS "eventlog_7_${storeId}" ('seqNum' integer primary key, 'parentSeqNum' integer not null, 'name' text not null, 'args' text, 'createdAt' text not null, 'clientId' text not null, 'sessionId' text not null) strict`
        )
      )
    )
  }
})
