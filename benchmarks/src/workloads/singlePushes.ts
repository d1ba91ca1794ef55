import { eventAt } from "../events.ts"
import { median, timed } from "../stats.ts"
import type { Workload } from "./Workload.ts"
import { checkStore, withWire } from "./Workload.ts"

/** Pushes that only make the way warm. */
const WARM_UP = 10

/** One client, one event at a time, each after the last is acknowledged. */
export const singlePushes: Workload = {
  id: "single",
  title: "single-event pushes, p50 acknowledgement",
  unit: "ms",
  goal: 3,
  run: (server, storeId, { pushes }) =>
    withWire(server, storeId, async (wire) => {
      const latencies: Array<number> = []
      for (let seqNum = 1; seqNum <= WARM_UP + pushes; seqNum++) {
        const batch = [eventAt(seqNum)]
        const ms = await timed(() => wire.push(batch))
        if (seqNum > WARM_UP) latencies.push(ms)
      }
      await checkStore(wire, server, WARM_UP + pushes)
      return { score: median(latencies), latencies }
    })
}
