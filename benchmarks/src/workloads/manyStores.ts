import { eventAt } from "../events.ts"
import { timed } from "../stats.ts"
import { Wire } from "../Wire.ts"
import type { Workload } from "./Workload.ts"
import { checkStore } from "./Workload.ts"

/** A client per store, each pushing one event after another, all at once. */
export const manyStores: Workload = {
  id: "stores",
  title: "20 stores pushing at once",
  unit: "events/s",
  goal: 3.5,
  run: async (server, storeId, { pushesPerStore, stores }) => {
    const wires = await Promise.all(
      Array.from({ length: stores }, (_, index) => Wire.open(server.port, `${storeId}_${index}`))
    )
    try {
      // The first push opens what an object opens only once.
      await Promise.all(wires.map((wire) => wire.push([eventAt(1)])))
      const latencies: Array<number> = []
      const total = await timed(() =>
        Promise.all(
          wires.map(async (wire) => {
            for (let seqNum = 2; seqNum <= pushesPerStore + 1; seqNum++) {
              const batch = [eventAt(seqNum)]
              latencies.push(await timed(() => wire.push(batch)))
            }
          })
        )
      )
      for (const wire of wires) await checkStore(wire, server, pushesPerStore + 1)
      return { score: (stores * pushesPerStore * 1_000) / total, latencies }
    } finally {
      await Promise.all(wires.map((wire) => wire.close()))
    }
  }
}
