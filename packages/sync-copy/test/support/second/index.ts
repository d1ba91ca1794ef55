/**
 * A server of this project to copy to: it holds back who pushes much, wants a token for some stores, and has
 * a rule against some events.
 */
import { makeDurableObject, makeWorker, Unauthorized } from "@tidelog/sync-worker"

export class SecondObject extends makeDurableObject({
  limits: { eventBurst: 300, eventsPerSecond: 2_000 },
  onPush: ({ batch }) => {
    if (batch.some(({ name }) => name === "v1.Forbidden")) throw new Error("not this one")
  }
}) {}

export default makeWorker({
  validatePayload: (payload, { storeId }) => {
    if (storeId.startsWith("secret") && Object(payload).token !== "open sesame") {
      throw new Unauthorized({ reason: "please sign in" })
    }
  }
})
