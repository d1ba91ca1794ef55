import { checkChunks, eventAt } from "../events.ts"
import { median, timed } from "../stats.ts"
import { Wire } from "../Wire.ts"
import type { Workload } from "./Workload.ts"

/** Events that only make the way warm. */
const WARM_UP = 5

/** One client pushes an event, and all the others wait for it. */
export const fanOut: Workload = {
  id: "fanout",
  title: "one pusher, 100 live readers, p50 until the last has it",
  unit: "ms",
  goal: 2.5,
  run: async (server, storeId, { liveEvents, readers }) => {
    const pusher = await Wire.open(server.port, storeId)
    const sockets = await Promise.all(
      Array.from({ length: readers }, () => Wire.open(server.port, storeId))
    )
    try {
      const pulls = await Promise.all(sockets.map((socket) => socket.subscribe()))
      const latencies: Array<number> = []
      for (let seqNum = 1; seqNum <= WARM_UP + liveEvents; seqNum++) {
        const batch = [eventAt(seqNum)]
        let pushed: Promise<void> | undefined
        const ms = await timed(() => {
          const arrived = pulls.map((pull) => pull.event(seqNum))
          pushed = pusher.push(batch)
          return Promise.all(arrived)
        })
        await pushed
        if (seqNum > WARM_UP) latencies.push(ms)
      }
      pulls.forEach((pull, index) =>
        checkChunks(`${server.name}, reader ${index}`, pull.chunks, 1, WARM_UP + liveEvents)
      )
      return { score: median(latencies), latencies }
    } finally {
      await Promise.all([pusher, ...sockets].map((socket) => socket.close()))
    }
  }
}
