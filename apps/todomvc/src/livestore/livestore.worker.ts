import { makeWorker } from "@livestore/adapter-web/worker"
import { makeCfSync } from "@tidelog/sync-client"
import { SyncPayload } from "../SyncPayload.ts"
import { schema } from "./schema.ts"

makeWorker({
  schema,
  syncPayloadSchema: SyncPayload,
  sync: { backend: makeCfSync({ url: import.meta.env.VITE_SYNC_URL ?? "ws://localhost:8787" }) }
})
