import * as Layer from "effect/Layer"
import * as EventLogD1 from "../src/EventLogD1.ts"
import * as EventLogMemory from "../src/EventLogMemory.ts"
import * as EventLogSql from "../src/EventLogSql.ts"
import { describeEventLog } from "../src/testing.ts"
import { startDatabase } from "./support/database.ts"
import { startObjects } from "./support/objectStorage.ts"

describeEventLog("memory", {
  layer: EventLogMemory.layerIn(EventLogMemory.makeDatabase()),
  durable: true
})

describeEventLog("memory of its own", { layer: EventLogMemory.layer, durable: false })

describeEventLog("D1", { layer: EventLogD1.layer(await startDatabase()), durable: true })

// All stores in one object, so that they would meet if their tables did.
const objects = await startObjects()

describeEventLog("Durable Object", {
  layer: Layer.provide(EventLogSql.layer, objects.layer("all")),
  durable: true
})
