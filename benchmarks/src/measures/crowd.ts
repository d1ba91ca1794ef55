/**
 * How much of its speed a writer keeps while many clients pull the whole log.
 *
 * The readers live in a thread of their own, so that what they take from the writer they take on
 * the server, and whoever has the whole log pulls it again, so that the crowd stays.
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
import type { CrowdReport, CrowdTask } from "./crowdThread.ts"

export interface Crowd {
  readonly server: string
  readonly alone: { readonly perSecond: number; readonly p50Ms: number; readonly p99Ms: number }
  readonly crowded: { readonly perSecond: number; readonly p50Ms: number; readonly p99Ms: number }
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

const measure = (server: BenchServer, { logEvents, pushes, readers }: CrowdSizes): Promise<Crowd> =>
  withWire(server, LOG_STORE, async (wire) => {
    let head = logEvents
    const write = async (count: number) => {
      const latencies: Array<number> = []
      const until = performance.now() + MAX_MS
      for (const last = head + count; head < last && performance.now() < until;) {
        const batch = [eventAt(head + 1)]
        latencies.push(await timed(() => wire.push(batch)))
        head += 1
      }
      const total = latencies.reduce((sum, ms) => sum + ms, 0)
      return {
        perSecond: (latencies.length * 1_000) / total,
        p50Ms: median(latencies),
        p99Ms: quantile(latencies, 0.99)
      }
    }

    await write(Math.ceil(pushes / 4))
    const alone = await write(pushes)
    const crowd = startCrowd({ port: server.port, storeId: LOG_STORE, readers })
    await crowd.begun
    const crowded = await write(pushes)
    const { events, seconds } = await crowd.stop()
    return {
      server: server.name,
      alone,
      crowded,
      kept: crowded.perSecond / alone.perSecond,
      eventsRead: events / seconds
    }
  })

const startCrowd = (task: CrowdTask) => {
  const thread = new Worker(new URL("crowdThread.ts", import.meta.url), { workerData: task })
  const next = () =>
    new Promise<CrowdReport>((resolve, reject) => {
      thread.once("message", resolve)
      thread.once("error", reject)
    })
  const begun = next()
  return {
    begun,
    stop: async () => {
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has none
      thread.postMessage("stop")
      const report = await next()
      await thread.terminate()
      if (report.error !== undefined) throw new WrongResult({ message: report.error })
      return report
    }
  }
}
