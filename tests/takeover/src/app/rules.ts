/**
 * What an app has written for LiveStore's own backend, in the types of its package. Both workers have it as it is.
 */
import type { UnknownError } from "@livestore/common"
import type { CallbackContext } from "@livestore/sync-cf/cf-worker"
import type { SyncMessage } from "@livestore/sync-cf/common"
import type { Schema } from "@livestore/utils/effect"

export const validatePayload = (
  payload: Schema.JsonValue | undefined,
  context: { storeId: string }
) => {
  if (payload === "nobody") throw new Error(`not for ${context.storeId}`)
}

export const hooks = {
  onPush: ({ batch }: SyncMessage.PushRequest, { payload, storeId }: CallbackContext) => {
    if (batch.some(({ name }) => name === "v1.Forbidden")) {
      throw new Error(`${storeId} forbids ${batch[0]?.seqNum}, of ${JSON.stringify(payload)}`)
    }
  },
  onPull: async ({ cursor }: SyncMessage.PullRequest, context: CallbackContext) => {
    if (cursor._tag === "Some" && context.storeId === "") throw new Error("which one?")
  },
  onPushRes: (answer: SyncMessage.PushAck | UnknownError) => {
    if ("cause" in answer) console.log("onPushRes")
  },
  onPullRes: (page: SyncMessage.PullResponse | UnknownError) => {
    if (!("batch" in page)) console.log("onPullRes")
  }
}
