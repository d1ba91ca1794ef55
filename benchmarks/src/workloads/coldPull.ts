import type { BenchServer } from "../BenchServer.ts"
import { checkChunks, eventsFrom } from "../events.ts"
import { median } from "../stats.ts"
import { BATCH } from "./batchPushes.ts"
import type { Workload } from "./Workload.ts"
import { withWire } from "./Workload.ts"

export const LOG_STORE = "the_log"

/** Pushes a log of some length, in batches. */
export const fillLog = (server: BenchServer, storeId: string, logEvents: number): Promise<void> =>
  withWire(server, storeId, async (wire) => {
    for (let from = 1; from <= logEvents; from += BATCH) {
      await wire.push(eventsFrom(from, Math.min(from + BATCH - 1, logEvents)))
    }
  })

/**
 * A new client pulls the whole log. Its servers were restarted since it was pushed, so that every
 * event comes from D1.
 */
export const coldPull: Workload = {
  id: "pull",
  title: "cold pull of a log",
  unit: "events/s",
  goal: 50,
  prepare: (server, { logEvents }) => fillLog(server, LOG_STORE, logEvents),
  run: async (server, _, { logEvents, pulls }) => {
    const latencies: Array<number> = []
    for (let index = 0; index < pulls; index++) {
      await withWire(server, LOG_STORE, async (wire) => {
        const start = performance.now()
        const pull = wire.pull({ live: false })
        await pull.ended
        latencies.push(performance.now() - start)
        checkChunks(`${server.name}, cold pull`, pull.chunks, 1, logEvents)
      })
    }
    return { score: (logEvents * 1_000) / median(latencies), latencies }
  }
}
