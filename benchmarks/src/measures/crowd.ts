/**
 * How much of its speed a writer keeps while many clients pull the whole log.
 *
 * The readers live in a thread of their own, so that what they take from the writer they take on
 * the server, and whoever has the whole log pulls it again, so that the crowd stays. The writer is alone and
 * among them in turns: this machine's speed drifts.
 */
import { Worker } from "node:worker_threads"
import type { HarnessError } from "@tidelog/e2e/src/HarnessError.ts"
import * as Effect from "effect/Effect"
import type { BenchServer } from "../BenchServer.ts"
import { eventAt } from "../events.ts"
import { median, quantile, timed } from "../stats.ts"
import { fillLog, LOG_STORE } from "../workloads/coldPull.ts"
import { withWire } from "../workloads/Workload.ts"
import { wrong, WrongResult } from "../WrongResult.ts"
import type { CrowdOrder, CrowdReport, CrowdTask } from "./crowdThread.ts"

interface Speed {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
}

export interface Crowd {
  readonly server: string
  readonly alone: Speed
  readonly crowded: Speed
  /** The share of its speed that the writer kept. */
  readonly kept: number
  /** Events a second that the readers were sent meanwhile, all together. */
  readonly eventsRead: number
}

/** A server whose readers were sent something else than the log. */
export interface WrongCrowd {
  readonly server: string
  readonly wrong: string
}

export interface CrowdSizes {
  readonly logEvents: number
  readonly readers: number
  readonly pushes: number
  readonly rounds: number
}

/** A writer that gets nowhere has been watched for long enough. */
const MAX_MS = 15_000

export const measureCrowd = (servers: ReadonlyArray<BenchServer>, sizes: CrowdSizes) =>
  Effect.forEach(servers, (server) =>
    Effect.gen(function* (): Effect.fn.Return<Crowd | WrongCrowd, WrongResult | HarnessError> {
      yield* Effect.logInfo(`a crowd at ${server.name}`)
      yield* wrong(() => fillLog(server, LOG_STORE, sizes.logEvents))
      yield* server.restart
      return yield* wrong(() => measure(server, sizes)).pipe(
        // What another server does wrong is its result; ours is to be right.
        Effect.catchIf(
          () => server.name !== "tidelog",
          ({ message }) => Effect.succeed({ server: server.name, wrong: message })
        )
      )
    })
  )

/** Pushes until the coming and going of so many sockets is over, and the writer in full swing again. */
const SETTLE = 300

const measure = (
  server: BenchServer,
  { logEvents, pushes, readers, rounds }: CrowdSizes
): Promise<Crowd> =>
  withWire(server, LOG_STORE, async (wire) => {
    let head = logEvents
    const write = async (count: number): Promise<Speed> => {
      const latencies: Array<number> = []
      const until = performance.now() + MAX_MS
      for (const last = head + count; head < last && performance.now() < until;) {
        const batch = [eventAt(head + 1)]
        latencies.push(await timed(() => wire.push(batch)))
        head += 1
      }
      return speedOf(latencies)
    }

    const alone: Array<Speed> = []
    const crowded: Array<Speed> = []
    const reports: Array<CrowdReport> = []
    const crowd = startCrowd({ port: server.port, storeId: LOG_STORE, readers })
    try {
      await write(pushes)

      for (let round = 0; round < rounds; round++) {
        await write(SETTLE)
        alone.push(await write(pushes))
        await crowd.order("come")
        await write(SETTLE)
        crowded.push(await write(pushes))
        reports.push(await crowd.order("leave"))
      }
    } finally {
      await crowd.end()
    }
    const [fast, slow] = [medianOf(alone), medianOf(crowded)]
    return {
      server: server.name,
      alone: fast,
      crowded: slow,
      kept: slow.perSecond / fast.perSecond,
      eventsRead: median(reports.map(({ events, seconds }) => events / seconds))
    }
  })

const speedOf = (latencies: ReadonlyArray<number>): Speed => ({
  perSecond: (latencies.length * 1_000) / latencies.reduce((sum, ms) => sum + ms, 0),
  p50Ms: median(latencies),
  p99Ms: quantile(latencies, 0.99)
})

const medianOf = (speeds: ReadonlyArray<Speed>): Speed => ({
  perSecond: median(speeds.map(({ perSecond }) => perSecond)),
  p50Ms: median(speeds.map(({ p50Ms }) => p50Ms)),
  p99Ms: median(speeds.map(({ p99Ms }) => p99Ms))
})

const startCrowd = (task: CrowdTask) => {
  const thread = new Worker(new URL("crowdThread.ts", import.meta.url), { workerData: task })
  // Listens all the time: a reader may fail while nobody asks.
  const reports: Array<CrowdReport> = []
  let wake = () => {}
  thread.on("message", (report: CrowdReport) => {
    reports.push(report)
    wake()
  })
  thread.on("error", (error) => {
    reports.push({ events: 0, seconds: 0, error: String(error) })
    wake()
  })
  const next = async (): Promise<CrowdReport> => {
    const arrived = new Promise<void>((resolve) => {
      wake = resolve
    })
    if (reports.length === 0) await arrived
    const report = reports.shift()
    if (report === undefined || report.error !== undefined) {
      throw new WrongResult({ message: report?.error ?? "the readers' thread says nothing" })
    }
    return report
  }
  return {
    order: (order: CrowdOrder) => {
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has none
      thread.postMessage(order)
      return next()
    },
    end: () => thread.terminate()
  }
}
