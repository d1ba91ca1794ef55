/**
 * What a million events cost, by what the platform bills and by what goes over the wire.
 *
 * Rows are those that D1 and the object's own storage report. Requests are counted at the client:
 * a connection is one, twenty frames that the object is sent are another.
 */
import * as Effect from "effect/Effect"
import type { BenchServer } from "../BenchServer.ts"
import { checkChunks, eventsFrom } from "../events.ts"
import type { Cost } from "../Result.ts"
import { Wire } from "../Wire.ts"
import type { Traffic } from "../Wire.ts"
import { withWire } from "../workloads/Workload.ts"
import { wrong } from "../WrongResult.ts"

/** Dollars per million, as of 2026: Durable Objects' requests, D1's rows. */
const PRICE = { requests: 0.15, rowsWritten: 1, rowsRead: 0.001 }

const FRAMES_PER_REQUEST = 20

interface Use {
  readonly use: string
  readonly storeId: string
  readonly events: number
  /** Whether the server is to have nothing in memory. */
  readonly cold?: boolean
  /** What happened between the two looks at the meter. */
  readonly run: (server: BenchServer) => Promise<Traffic>
}

/** `events`: how many each use is measured with. Counts do not mind who else is busy meanwhile. */
export const measureCosts = (servers: ReadonlyArray<BenchServer>, events: number) =>
  Effect.forEach(
    servers,
    (server) =>
      Effect.gen(function* () {
        yield* Effect.logInfo(`costs of ${server.name}`)
        const costs: Array<Cost> = []
        for (const use of uses(events)) {
          if (use.cold === true) yield* server.restart
          // The first connection makes tables, which is not what is asked here.
          const wire = yield* wrong(() => opened(server, use))
          const before = yield* server.meter
          const traffic = yield* wrong(() => use.run(server))
          const after = yield* server.meter
          yield* wrong(() => wire.close())
          costs.push(toCost(server, use, traffic, before, after))
        }
        return costs
      }),
    { concurrency: "unbounded" }
  ).pipe(Effect.map((costs) => costs.flat()))

const opened = async (server: BenchServer, use: Use): Promise<Wire> => {
  const wire = await Wire.open(server.port, use.storeId)
  await wire.pull({ live: false }).ended
  return wire
}

const pushing = (use: string, storeId: string, batch: number, events: number): Use => ({
  use,
  storeId,
  events,
  // As LiveStore does, the pusher has a live pull of its own.
  run: (server) =>
    withWire(server, storeId, async (wire) => {
      const pull = await wire.subscribe()
      for (let from = 1; from <= events; from += batch) {
        const to = Math.min(from + batch - 1, events)
        const seen = pull.event(to)
        await Promise.all([seen, wire.push(eventsFrom(from, to))])
      }
      checkChunks(`${server.name}, ${use}`, pull.chunks, 1, events)
      return wire.traffic
    })
})

const uses = (events: number): ReadonlyArray<Use> => [
  pushing("pushed one by one", "costs_single", 1, events),
  pushing("pushed 100 at a time", "costs_batch", 100, events),
  {
    use: "pulled by a new client",
    storeId: "costs_batch",
    events,
    cold: true,
    run: (server) =>
      withWire(server, "costs_batch", async (wire) => {
        const pull = wire.pull({ live: false })
        await pull.ended
        checkChunks(`${server.name}, a new client`, pull.chunks, 1, events)
        return wire.traffic
      })
  }
]

const toCost = (
  server: BenchServer,
  { events, use }: Use,
  traffic: Traffic,
  before: Effect.Effect.Success<BenchServer["meter"]>,
  after: Effect.Effect.Success<BenchServer["meter"]>
): Cost => {
  const rowsWrittenPerEvent = (after.rowsWritten - before.rowsWritten) / events
  const rowsReadPerEvent = (after.rowsRead - before.rowsRead) / events
  const framesInPerEvent = traffic.framesSent / events
  const requestsBilled = (framesInPerEvent * 1e6) / FRAMES_PER_REQUEST
  return {
    server: server.name,
    use,
    framesInPerEvent,
    bytesUpPerEvent: traffic.bytesSent / events,
    bytesDownPerEvent: traffic.bytesReceived / events,
    rowsWrittenPerEvent,
    rowsReadPerEvent,
    d1CallsPerEvent: (after.d1Calls - before.d1Calls) / events,
    requestsBilled,
    rowsWrittenBilled: rowsWrittenPerEvent * 1e6,
    dollars:
      (requestsBilled / 1e6) * PRICE.requests
      + rowsWrittenPerEvent * PRICE.rowsWritten
      + rowsReadPerEvent * PRICE.rowsRead
  }
}
