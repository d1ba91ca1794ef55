/**
 * The sync backend of the app: a Worker that lets people in, and an object per list.
 */
import { makeDurableObject, makeWorker, Unauthorized } from "@tidelog/sync-worker"
import { Effect, Schema } from "effect"
import { DEV_TOKEN, SyncPayload } from "../SyncPayload.ts"

/** What happens to each list, for whoever turns the log level down to look. */
export class SyncBackendDO extends makeDurableObject({
  onPush: ({ batch }, { storeId }) => Effect.logDebug("push", { storeId, events: batch.length }),
  onPull: (_, { storeId }) => Effect.logDebug("pull", { storeId })
}) {}

const isSyncPayload = Schema.is(SyncPayload)

export default makeWorker({
  validatePayload: (payload) => {
    if (!isSyncPayload(payload) || payload.authToken !== DEV_TOKEN) {
      throw new Unauthorized({ reason: "this authToken is not known here" })
    }
  }
})
