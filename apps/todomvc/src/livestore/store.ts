import { makePersistedAdapter } from "@livestore/adapter-web"
import LiveStoreSharedWorker from "@livestore/adapter-web/shared-worker?sharedworker"
import { makeShutdownDeferred, storeOptions } from "@livestore/livestore"
import { useStore } from "@livestore/react"
import { Deferred, Effect } from "effect"
import { unstable_batchedUpdates as batchUpdates } from "react-dom"
import { address } from "../page/address.ts"
import { restart, restarted } from "../page/restart.ts"
import { SyncPayload } from "../SyncPayload.ts"
import LiveStoreWorker from "./livestore.worker.ts?worker"
import { schema } from "./schema.ts"

const adapter = makePersistedAdapter({
  storage: { type: "opfs" },
  worker: LiveStoreWorker,
  sharedWorker: LiveStoreSharedWorker,
  // LiveStore 0.4.0 reads the list from its file, to be quick, and fails if it has just emptied that
  // file. Its worker builds the list anew in any case.
  experimental: { disableFastPath: restarted }
})

const shutdownDeferred = Effect.runSync(makeShutdownDeferred)

// LiveStore empties a list and stops it when the server's log is another than the one it knew, as
// after a restore. Loading the page again takes the list from the server.
Effect.runFork(Effect.andThen(Deferred.await(shutdownDeferred), restart))

const options = storeOptions({
  adapter,
  batchUpdates,
  disableDevtools: true,
  schema,
  shutdownDeferred,
  storeId: address.storeId,
  syncPayload: { authToken: address.authToken },
  syncPayloadSchema: SyncPayload
})

/** The page's one store. Suspends until it is loaded; throws if there can be none of its id. */
export const useAppStore = () => {
  // LiveStore would wait for it for ever.
  if (address.problem !== undefined) throw new Error(address.problem)
  return useStore(options)
}
