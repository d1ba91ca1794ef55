/**
 * What the clients themselves take of a processor: each pulls a log from our server, then follows events that
 * are pushed one by one, and all that is done with them is counting. No LiveStore store is there. What a bare
 * socket takes for the same frames is taken off.
 */
import * as Effect from "effect/Effect"
import type { BenchServer } from "../BenchServer.ts"
import { eventAt } from "../events.ts"
import { median, spreadOf } from "../stats.ts"
import type { Spread } from "../stats.ts"
import { fillLog } from "../workloads/coldPull.ts"
import { withWire } from "../workloads/Workload.ts"
import { wrong } from "../WrongResult.ts"
import { clientNames } from "./backends.ts"
import { withChild } from "./child.ts"
import type { Read, Reader, ReadOrder } from "./pullProcess.ts"
import type { Rounds } from "./rounds.ts"
import { inTurns } from "./rounds.ts"

export interface ReadersSizes extends Rounds {
  /** Events of the log that is pulled. */
  readonly events: number
  /** Events that are pushed one by one afterwards. */
  readonly live: number
}

/** Microseconds of CPU time an event. */
export interface ReaderCost {
  readonly reader: Reader
  readonly pullUs: Spread
  readonly liveUs: Spread
  /** The same without what the bare socket takes. */
  readonly pullNetUs: number
  readonly liveNetUs: number
}

const PROCESS = new URL("pullProcess.ts", import.meta.url)
const readers: ReadonlyArray<Reader> = ["socket", ...clientNames]

export const measureReaders = (server: BenchServer, sizes: ReadersSizes) =>
  Effect.gen(function* () {
    yield* Effect.logInfo("clients that only count")
    const { events, live } = sizes
    const played = yield* inTurns(readers, sizes, (reader, name) =>
      wrong(async () => {
        const storeId = `read_${name}`
        await fillLog(server, storeId, events)
        return readOnce(server, storeId, reader, sizes)
      })
    )
    const costs = played.map((rounds) => ({
      pull: rounds.map(({ pull }) => (pull.cpuMs * 1_000) / events),
      live: rounds.map((round) => (round.live.cpuMs * 1_000) / live)
    }))
    const [socket] = costs
    return readers.map((reader, at): ReaderCost => {
      const { live = [], pull = [] } = costs[at] ?? {}
      return {
        reader,
        pullUs: spreadOf(pull),
        liveUs: spreadOf(live),
        pullNetUs: median(pull) - median(socket?.pull ?? []),
        liveNetUs: median(live) - median(socket?.live ?? [])
      }
    })
  })

const readOnce = (
  server: BenchServer,
  storeId: string,
  reader: Reader,
  { events, live }: ReadersSizes
) =>
  withChild<ReadOrder, Read, { readonly pull: Read; readonly live: Read }>(
    PROCESS,
    async (child) => {
      const { port } = server
      const pull = await child.order({ _tag: "pull", reader, port, storeId, upTo: events })
      const following = child.order({ _tag: "follow", upTo: events + live })
      await withWire(server, storeId, async (wire) => {
        for (let seqNum = events + 1; seqNum <= events + live; seqNum++) {
          await wire.push([eventAt(seqNum)])
        }
      })
      return { pull, live: await following }
    }
  )
