/**
 * The same worker, deployed with this project's server.
 */
import { makeDurableObject, makeWorker } from "@tidelog/sync-worker"
import type { CloudflareEnv } from "@tidelog/sync-worker"

/** One that the operators know to be the only one of its table. */
const adoptOfficial: CloudflareEnv.AdoptOfficial = (storeId) =>
  storeId === "wedged-at-once" ? "always" : "proven"

export class D1Object extends makeDurableObject({
  storage: { _tag: "d1", binding: "DB", adoptOfficial }
}) {}

export class SqliteObject extends makeDurableObject({ storage: { _tag: "do-sqlite" } }) {}

const d1 = makeWorker({ syncBackendBinding: "D1_STORES" })
const sqlite = makeWorker({
  syncBackendBinding: "SQLITE_STORES",
  storage: { _tag: "do-sqlite" }
})

export default {
  fetch: (request: Request, env: object, ctx: ExecutionContext) =>
    (new URL(request.url).pathname.startsWith("/d1") ? d1 : sqlite).fetch(request, env, ctx)
}
