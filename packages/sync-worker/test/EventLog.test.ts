import * as EventLogD1 from "../src/EventLogD1.ts"
import * as EventLogMemory from "../src/EventLogMemory.ts"
import { describeEventLog } from "../src/testing.ts"
import { startDatabase } from "./support/database.ts"

describeEventLog("memory", { layer: EventLogMemory.layer, durable: false })

describeEventLog("D1", { layer: EventLogD1.layer(await startDatabase()), durable: true })
