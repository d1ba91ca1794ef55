/**
 * The same worker, deployed with this project's server.
 */
import { makeDurableObject, makeWorker } from "@tidelog/sync-worker"
import type { CloudflareEnv } from "@tidelog/sync-worker"
import { hooks, validatePayload } from "../app/rules.ts"

/** One that the operators know to be the only one of its table. */
const adoptOfficial: CloudflareEnv.AdoptOfficial = (storeId) =>
  storeId === "wedged-at-once" ? "always" : "proven"

export class D1Object extends makeDurableObject({
  ...hooks,
  storage: { _tag: "d1", binding: "DB", adoptOfficial }
}) {}

export class SqliteObject extends makeDurableObject({ storage: { _tag: "do-sqlite" } }) {}

const d1 = makeWorker({ syncBackendBinding: "D1_STORES", validatePayload })
const sqlite = makeWorker({
  syncBackendBinding: "SQLITE_STORES",
  validatePayload,
  storage: { _tag: "do-sqlite" }
})

export default {
  fetch: (request: Request, env: object, ctx: ExecutionContext) =>
    (new URL(request.url).pathname.startsWith("/d1") ? d1 : sqlite).fetch(request, env, ctx)
}
