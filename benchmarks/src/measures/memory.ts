/**
 * What one more connection costs in memory.
 *
 * The heap of the isolate after a garbage collection is the figure to trust: it is exact, and the
 * same from run to run. The resident size of the workerd process also counts what lies outside of
 * JavaScript, but moves with whatever its allocator keeps.
 */
import { readFileSync } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"
import * as Effect from "effect/Effect"
import type { BenchServer } from "../BenchServer.ts"
import { Inspector } from "../Inspector.ts"
import type { Memory } from "../Result.ts"
import { Wire } from "../Wire.ts"
import { withWire } from "../workloads/Workload.ts"
import { wrong } from "../WrongResult.ts"

/** The platform lets an object sleep after 10 s in which nothing happens. */
const ASLEEP_AFTER_MS = 15_000

/** Time for what was just done to be done with. */
const SETTLE_MS = 1_000

export const measureMemory = (servers: ReadonlyArray<BenchServer>, sockets: number) =>
  Effect.forEach(servers, (server) =>
    Effect.zipRight(
      Effect.logInfo(`memory of ${server.name}`),
      wrong(() => measure(server, sockets))
    )
  )

const measure = async (server: BenchServer, count: number): Promise<Memory> => {
  const storeId = "memory"
  // Everything that is made once is made by a first connection, and stays in memory.
  await withWire(server, storeId, (wire) => wire.subscribe())
  const inspector = await Inspector.open(server)
  try {
    const look = async () => {
      await sleep(SETTLE_MS)
      return { heap: await inspector.heap(), rss: residentBytes(server.workerPid()) }
    }
    const before = await look()
    const wires = await openMany(server, storeId, count)
    const idle = await look()
    for (const wire of wires) await wire.subscribe()
    const subscribed = await look()
    await sleep(ASLEEP_AFTER_MS)
    const asleep = await look()
    await Promise.all(wires.map((wire) => wire.close()))
    return {
      server: server.name,
      sockets: count,
      heapPerIdleSocket: (idle.heap - before.heap) / count,
      heapPerSubscription: (subscribed.heap - idle.heap) / count,
      heapPerSubscriptionAsleep: (asleep.heap - before.heap) / count,
      rssPerIdleSocket: difference(idle.rss, before.rss, count),
      rssPerSubscription: difference(subscribed.rss, idle.rss, count)
    }
  } finally {
    inspector.close()
  }
}

/** In steps: hundreds of handshakes at once are refused by some machines. */
const openMany = async (server: BenchServer, storeId: string, count: number) => {
  const wires: Array<Wire> = []
  while (wires.length < count) {
    const step = Math.min(50, count - wires.length)
    wires.push(
      ...(await Promise.all(Array.from({ length: step }, () => Wire.open(server.port, storeId))))
    )
  }
  return wires
}

const difference = (one: number | undefined, other: number | undefined, count: number) =>
  one === undefined || other === undefined ? undefined : (one - other) / count

/** The resident size of a process, where /proc tells. */
export const residentBytes = (pid: number | undefined): number | undefined => {
  if (pid === undefined) return undefined
  try {
    const kib = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]
    return kib === undefined ? undefined : Number(kib) * 1_024
  } catch {
    return undefined
  }
}
