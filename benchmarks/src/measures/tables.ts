/**
 * What a store costs in a database that holds few stores, and in one that holds many.
 */
import * as Effect from "effect/Effect"
import type { BenchServer } from "../BenchServer.ts"
import { checkChunks, eventAt } from "../events.ts"
import { median, quantile, timed } from "../stats.ts"
import { Wire } from "../Wire.ts"
import { wrong } from "../WrongResult.ts"

export interface StoreTimes {
  readonly server: string
  /** Stores in the database beside those that are measured. */
  readonly stores: number
  /** The first store that is opened after the server started, which reads the schema. */
  readonly firstOpenMs: number
  /** From nothing to the first page of a new store: its table is made. */
  readonly openMs: Spread
  readonly pushMs: Spread
  readonly pullMs: Spread
}

interface Spread {
  readonly p50: number
  readonly p99: number
}

/** Stores that one request makes. */
const STEP = 200

/** `counts`: ascending. `probes`: new stores that are measured at each. */
export const measureTables = (
  servers: ReadonlyArray<BenchServer>,
  counts: ReadonlyArray<number>,
  probes: number
) =>
  Effect.forEach(servers, (server) =>
    Effect.gen(function* () {
      const times: Array<StoreTimes> = []
      let made = 0
      for (const count of counts) {
        yield* Effect.logInfo(`${server.name}: ${count} stores`)
        for (; made < count; made = Math.min(made + STEP, count)) {
          yield* server.createStores(made, Math.min(made + STEP, count))
        }
        yield* server.restart
        times.push(yield* wrong(() => measure(server, count, probes)))
      }
      return times
    })
  ).pipe(Effect.map((times) => times.flat()))

const measure = async (
  server: BenchServer,
  stores: number,
  probes: number
): Promise<StoreTimes> => {
  const opens: Array<number> = []
  const pushes: Array<number> = []
  const pulls: Array<number> = []
  for (let index = 0; index <= probes; index++) {
    const start = performance.now()
    const wire = await Wire.open(server.port, `probe_${stores}_${index}`)
    await wire.pull({ live: false }).ended
    opens.push(performance.now() - start)
    for (let seqNum = 1; seqNum <= 5; seqNum++) {
      const batch = [eventAt(seqNum)]
      pushes.push(await timed(() => wire.push(batch)))
    }
    const pulled = performance.now()
    const pull = wire.pull({ live: false })
    await pull.ended
    pulls.push(performance.now() - pulled)
    checkChunks(`${server.name}, one of ${stores} stores`, pull.chunks, 1, 5)
    await wire.close()
  }
  const [firstOpenMs = Number.NaN, ...otherOpens] = opens
  return {
    server: server.name,
    stores,
    firstOpenMs,
    openMs: spread(otherOpens),
    pushMs: spread(pushes),
    pullMs: spread(pulls)
  }
}

const spread = (values: ReadonlyArray<number>): Spread => ({
  p50: median(values),
  p99: quantile(values, 0.99)
})
