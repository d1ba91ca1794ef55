/**
 * Load that goes on: whether memory stays flat and speed stays up.
 *
 * Each store has a pusher, live readers that stay, and one that leaves and comes back as another.
 */
import { setTimeout as sleep } from "node:timers/promises"
import * as Effect from "effect/Effect"
import type { BenchServer } from "../BenchServer.ts"
import { checkChunks, eventsFrom } from "../events.ts"
import { Inspector } from "../Inspector.ts"
import { median, quantile, timed } from "../stats.ts"
import { Wire } from "../Wire.ts"
import type { Pull } from "../Wire.ts"
import { wrong } from "../WrongResult.ts"
import { residentBytes } from "./memory.ts"

export interface SoakSample {
  readonly second: number
  readonly heap: number
  readonly rss: number | undefined
  readonly eventsPerSecond: number
  readonly pushP99Ms: number
}

export interface Soak {
  readonly server: string
  readonly samples: ReadonlyArray<SoakSample>
  /**
   * Heap of the last third over that of the second, by their medians. In the first a server may
   * fill what it keeps in memory on purpose.
   */
  readonly heapGrowth: number
  readonly rssGrowth: number | undefined
  /** Whether the heap grew by less than a tenth and 1 MB. */
  readonly flat: boolean
}

export interface SoakOptions {
  readonly seconds: number
  readonly sampleSeconds: number
  readonly stores: number
  readonly readers: number
}

const BATCH = 20

/** A reader that stays is looked through as often as this. */
const CHECK_EVERY_MS = 1_000

export const measureSoak = (server: BenchServer, options: SoakOptions) =>
  Effect.zipRight(
    Effect.logInfo(`${options.seconds} s of load on ${server.name}`),
    wrong(() => soak(server, options))
  )

interface State {
  running: boolean
  events: number
  latencies: Array<number>
}

const soak = async (server: BenchServer, options: SoakOptions): Promise<Soak> => {
  const inspector = await Inspector.open(server)
  const state: State = { running: true, events: 0, latencies: [] }
  const work = Promise.all(
    Array.from({ length: options.stores }, (_, index) =>
      loadStore(server, `soak_${index}`, options.readers, state)
    )
  )
  try {
    const samples: Array<SoakSample> = []
    const rounds = Math.max(6, Math.floor(options.seconds / options.sampleSeconds))
    for (let round = 1; round <= rounds; round++) {
      state.events = 0
      state.latencies = []
      await Promise.race([sleep(options.sampleSeconds * 1_000), work])
      const { events, latencies } = state
      samples.push({
        second: round * options.sampleSeconds,
        heap: await inspector.heap(),
        rss: residentBytes(server.workerPid()),
        eventsPerSecond: events / options.sampleSeconds,
        pushP99Ms: quantile(latencies, 0.99)
      })
    }
    return verdict(server, samples)
  } finally {
    state.running = false
    inspector.close()
    await work
  }
}

const loadStore = async (server: BenchServer, storeId: string, readers: number, state: State) => {
  const pusher = await Wire.open(server.port, storeId)
  const stay = await Promise.all(
    Array.from({ length: readers }, async () => {
      const wire = await Wire.open(server.port, storeId)
      return { wire, pull: await wire.subscribe(), seen: 0 }
    })
  )
  const backendId = stay[0]?.pull.backendId() ?? ""
  let head = 0
  let checkedAt = performance.now()
  while (state.running) {
    const batch = eventsFrom(head + 1, head + BATCH)
    const arrived = stay.map(({ pull }) => pull.event(head + BATCH))
    state.latencies.push(await timed(() => pusher.push(batch)))
    await Promise.all(arrived)
    head += BATCH
    state.events += BATCH
    if (performance.now() - checkedAt > CHECK_EVERY_MS) {
      checkedAt = performance.now()
      for (const reader of stay) reader.seen = look(storeId, reader.pull, reader.seen)
      await comeAndGo(server, storeId, { backendId, eventSequenceNumber: head })
    }
  }
  for (const reader of stay) look(storeId, reader.pull, reader.seen)
  await Promise.all([pusher.close(), ...stay.map(({ wire }) => wire.close())])
}

const look = (storeId: string, pull: Pull, seen: number) =>
  checkChunks(storeId, pull.drain(), seen + 1)

const comeAndGo = async (
  server: BenchServer,
  storeId: string,
  after: Parameters<Wire["subscribe"]>[0]
) => {
  const wire = await Wire.open(server.port, storeId)
  await wire.subscribe(after)
  await wire.close()
}

const verdict = (server: BenchServer, samples: ReadonlyArray<SoakSample>): Soak => {
  const third = Math.floor(samples.length / 3)
  const growth = (of: (sample: SoakSample) => number | undefined) => {
    const middle = (part: ReadonlyArray<SoakSample>) =>
      median(part.flatMap((sample) => of(sample) ?? []))
    return { first: middle(samples.slice(third, -third)), last: middle(samples.slice(-third)) }
  }
  const heap = growth((sample) => sample.heap)
  const rss = growth((sample) => sample.rss)
  return {
    server: server.name,
    samples,
    heapGrowth: heap.last / heap.first,
    rssGrowth: Number.isNaN(rss.first) ? undefined : rss.last / rss.first,
    flat: heap.last - heap.first < heap.first * 0.1 + 1e6
  }
}
