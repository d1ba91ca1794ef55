/**
 * How long an empty LiveStore store takes until it shows a long log: each client on each server, and with
 * pages of other sizes. Whatever the machine does meanwhile, it does to all: rounds go from one to the next.
 */
import * as Effect from "effect/Effect"
import type { BenchServer } from "../BenchServer.ts"
import type { Spread } from "../stats.ts"
import { median, spreadOf } from "../stats.ts"
import { fillLog, LOG_STORE } from "../workloads/coldPull.ts"
import { wrong } from "../WrongResult.ts"
import type { ClientName } from "./backends.ts"
import type { CatchUp, CatchUpOrder } from "./catchUpProcess.ts"
import { withChild } from "./child.ts"
import type { Shares } from "./profile.ts"
import type { Rounds } from "./rounds.ts"
import { inTurns } from "./rounds.ts"

export interface CatchUpSizes extends Rounds {
  /** Events of the log. */
  readonly events: number
}

/** Milliseconds; each figure is the median of the rounds. */
export interface CaughtUp {
  readonly client: ClientName
  readonly server: string
  readonly totalMs: Spread
  readonly waitedMs: number
  /** LiveStore at work on pages. */
  readonly workMs: number
  readonly cpuMs: number
  /** Pages that LiveStore was given. */
  readonly pages: number
  /** The longest that it was at work on one. */
  readonly longestMs: number
  readonly msPerEvent: number
}

export interface CaughtUpByPages extends CaughtUp {
  readonly pageEvents: number
}

export interface CatchUps {
  readonly pairs: ReadonlyArray<CaughtUp>
  /** How many times faster our pair is than the official one. */
  readonly ratio: number
  /** Whose work a catch-up of our pair is. */
  readonly shares: Shares
}

const PROCESS = new URL("catchUpProcess.ts", import.meta.url)

/** Fills the logs, of which nothing is in the servers' memory afterwards. */
const prepare = (servers: ReadonlyArray<BenchServer>, events: number) =>
  Effect.forEach(
    servers,
    (server) =>
      Effect.zipRight(
        wrong(() => fillLog(server, LOG_STORE, events)),
        server.restart
      ),
    { concurrency: "unbounded", discard: true }
  )

const one = (order: CatchUpOrder) =>
  wrong(() => withChild<CatchUpOrder, CatchUp, CatchUp>(PROCESS, (child) => child.order(order)))

const sum = (values: ReadonlyArray<number>) => values.reduce((sum, value) => sum + value, 0)

const summarise = (
  { client, events }: CatchUpOrder,
  server: string,
  rounds: ReadonlyArray<CatchUp>
): CaughtUp => {
  const work = rounds.map(({ pages }) => sum(pages.map(({ ms }) => ms)))
  return {
    client,
    server,
    totalMs: spreadOf(rounds.map(({ totalMs }) => totalMs)),
    waitedMs: median(rounds.map(({ waitedMs }) => waitedMs)),
    workMs: median(work),
    cpuMs: median(rounds.map(({ cpuMs }) => cpuMs)),
    pages: median(rounds.map(({ pages }) => pages.length)),
    longestMs: median(rounds.map(({ pages }) => Math.max(...pages.map(({ ms }) => ms)))),
    msPerEvent: median(work) / events
  }
}

/** Each client on each server. */
export const measureCatchUp = (official: BenchServer, tidelog: BenchServer, sizes: CatchUpSizes) =>
  Effect.gen(function* () {
    const { events } = sizes
    yield* Effect.logInfo("catching up: each client on each server")
    yield* prepare([official, tidelog], events)
    const pairs = [
      ["tidelog", tidelog],
      ["official", official],
      ["tidelog", official],
      ["official", tidelog]
    ] as const
    const orders = pairs.map(([client, { port }]): CatchUpOrder => ({
      client,
      port,
      storeId: LOG_STORE,
      events
    }))
    const played = yield* inTurns(orders, sizes, one)
    const summaries = orders.map((order, index) =>
      summarise(order, pairs[index]?.[1].name ?? "", played[index] ?? [])
    )
    const { shares = {} } = yield* one({
      client: "tidelog",
      port: tidelog.port,
      storeId: LOG_STORE,
      events,
      profile: true
    })
    const totalOf = (at: number) => summaries[at]?.totalMs.median ?? Number.NaN
    const result: CatchUps = { pairs: summaries, ratio: totalOf(1) / totalOf(0), shares }
    return result
  })

/** Our client on our server, with pages of other sizes. */
export const measurePageSizes = (
  tidelog: BenchServer,
  sizes: CatchUpSizes,
  pageEvents: ReadonlyArray<number>
) =>
  Effect.gen(function* () {
    const { events } = sizes
    yield* Effect.logInfo("catching up: pages of other sizes")
    yield* prepare([tidelog], events)
    const orders = pageEvents.map((size): CatchUpOrder & { readonly pageEvents: number } => ({
      client: "tidelog",
      port: tidelog.port,
      storeId: LOG_STORE,
      events,
      pageEvents: size
    }))
    const played = yield* inTurns(orders, sizes, one)
    return orders.map((order, index): CaughtUpByPages => ({
      ...summarise(order, tidelog.name, played[index] ?? []),
      pageEvents: order.pageEvents
    }))
  })
