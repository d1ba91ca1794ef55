/** The app's LiveStore worker with LiveStore's own client in the place of this project's. */
import { makeWorker } from "@livestore/adapter-web/worker"
import { makeWsSync } from "@livestore/sync-cf/client"
import { schema } from "@tidelog/todomvc/src/livestore/schema.ts"
import { SyncPayload } from "@tidelog/todomvc/src/SyncPayload.ts"

makeWorker({
  schema,
  syncPayloadSchema: SyncPayload,
  sync: { backend: makeWsSync({ url: "ws://localhost:8787/websocket" }) }
})
