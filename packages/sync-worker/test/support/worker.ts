/** The worker under test: what a user would write, with a rule or two to see them work. */
import { makeDurableObject, makeWorker, Unauthorized } from "../../src/index.ts"

export class SyncBackendDO extends makeDurableObject({
  onPush: ({ batch }) => {
    if (JSON.stringify(batch).includes(`"text":"reject"`)) {
      throw new Error("rejected by onPush")
    }
  }
}) {}

const hasToken = (payload: unknown): payload is { readonly authToken: string } =>
  typeof payload === "object" && payload !== null && "authToken" in payload

export default makeWorker({
  validatePayload: (payload) => {
    if (!hasToken(payload) || !payload.authToken.startsWith("ok")) {
      throw new Unauthorized({ reason: "the token is wrong" })
    }
  }
})
