import { eventsFrom } from "../events.ts"
import { timed } from "../stats.ts"
import type { Workload } from "./Workload.ts"
import { checkStore, withWire } from "./Workload.ts"

/** As many events as the official client sends at once. */
export const BATCH = 100

/** One client, 100 events at a time, each push after the last is acknowledged. */
export const batchPushes: Workload = {
  id: "batch",
  title: "pushes of 100 events",
  unit: "events/s",
  goal: 20,
  run: (server, storeId, { batches }) =>
    withWire(server, storeId, async (wire) => {
      await wire.push(eventsFrom(1, BATCH))
      const latencies: Array<number> = []
      for (let index = 1; index <= batches; index++) {
        const batch = eventsFrom(index * BATCH + 1, (index + 1) * BATCH)
        latencies.push(await timed(() => wire.push(batch)))
      }
      await checkStore(wire, server, (batches + 1) * BATCH)
      const total = latencies.reduce((sum, ms) => sum + ms, 0)
      return { score: (batches * BATCH * 1_000) / total, latencies }
    })
}
