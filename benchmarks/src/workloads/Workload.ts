/**
 * A line of the goals table: work that each server is given in turn.
 */
import type { BenchServer } from "../BenchServer.ts"
import { checkChunks } from "../events.ts"
import { Wire } from "../Wire.ts"

/** How much work one round is. */
export interface Sizes {
  /** Rounds that count, after one that does not. */
  readonly rounds: number
  /** Single-event pushes. */
  readonly pushes: number
  /** Pushes of 100 events. */
  readonly batches: number
  /** Events of the log that is pulled. */
  readonly logEvents: number
  /** How often it is pulled. */
  readonly pulls: number
  readonly readers: number
  /** Events that all readers wait for. */
  readonly liveEvents: number
  /** Stores that are pushed to at once, and pushes to each. */
  readonly stores: number
  readonly pushesPerStore: number
}

export const fullSizes: Sizes = {
  rounds: 3,
  pushes: 200,
  batches: 30,
  logEvents: 10_000,
  pulls: 1,
  readers: 100,
  liveEvents: 30,
  stores: 20,
  pushesPerStore: 25
}

/** One round of everything, small enough for a test. */
export const tinySizes: Sizes = {
  rounds: 1,
  pushes: 5,
  batches: 2,
  logEvents: 300,
  pulls: 1,
  readers: 3,
  liveEvents: 3,
  stores: 3,
  pushesPerStore: 3
}

export interface Round {
  /** What the line is measured in. */
  readonly score: number
  /** Milliseconds of each operation. */
  readonly latencies: ReadonlyArray<number>
}

export interface Workload {
  readonly id: string
  readonly title: string
  readonly unit: "ms" | "events/s"
  /** How many times faster than the official server ours is to be. */
  readonly goal: number
  /** What has to be there before the first round. */
  readonly prepare?: (server: BenchServer, sizes: Sizes) => Promise<void>
  /** `storeId`: a new store, or the start of the names of several. */
  readonly run: (server: BenchServer, storeId: string, sizes: Sizes) => Promise<Round>
}

/** Opens a socket for as long as it is used. */
export const withWire = async <A>(
  server: BenchServer,
  storeId: string,
  use: (wire: Wire) => Promise<A>
): Promise<A> => {
  const wire = await Wire.open(server.port, storeId)
  try {
    return await use(wire)
  } finally {
    await wire.close()
  }
}

/** Fails unless a store holds exactly the events 1 to `head`. */
export const checkStore = async (wire: Wire, server: BenchServer, head: number): Promise<void> => {
  const pull = wire.pull({ live: false })
  await pull.ended
  checkChunks(`${server.name}, ${wire.storeId}`, pull.chunks, 1, head)
}
