/**
 * LiveStore's own backend from npm, with each of its storages.
 */
import { makeDurableObject, makeWorker } from "@livestore/sync-cf/cf-worker"
import { hooks, validatePayload } from "../app/rules.ts"

export class D1Object extends makeDurableObject({
  ...hooks,
  storage: { _tag: "d1", binding: "DB" }
}) {}

/** Its default. */
export class SqliteObject extends makeDurableObject() {}

interface Env {
  readonly D1_STORES: DurableObjectNamespace
  readonly SQLITE_STORES: DurableObjectNamespace
}

interface Handler {
  readonly fetch: (request: Request, env: Env, ctx: ExecutionContext) => Promise<Response>
}

/** Their types are those of an older release of the platform's. */
const workerOf = (syncBackendBinding: string) =>
  makeWorker({ syncBackendBinding, validatePayload }) as object as Handler

const d1 = workerOf("D1_STORES")
const sqlite = workerOf("SQLITE_STORES")

export default {
  fetch: (request: Request, env: Env, ctx: ExecutionContext) =>
    (new URL(request.url).pathname.startsWith("/d1") ? d1 : sqlite).fetch(request, env, ctx)
}
