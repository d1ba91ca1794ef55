/**
 * The clients' benches themselves: a tiny round of each. The app in Chromium is left out: browsers run alone,
 * after all other suites.
 */
import { NodeContext } from "@effect/platform-node"
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import { start } from "../src/BenchServer.ts"
import { measureCatchUp, measurePageSizes } from "../src/client/catchUp.ts"
import { measurePushes, pushesCases } from "../src/client/pushes.ts"
import { measureReaders } from "../src/client/readers.ts"
import { catchUpTable, pageSizesTable, pushesTable, readersTable } from "../src/client/report.ts"

const services = Layer.merge(NodeContext.layer, Logger.minimumLogLevel(LogLevel.None))

// Real stores and servers take real time.
layer(services, { excludeTestServices: true })("the clients' benches", (it) => {
  it.scoped(
    "a tiny round of each yields whole results",
    () =>
      Effect.gen(function* () {
        const official = yield* start("official")
        const tidelog = yield* start("tidelog")
        const sizes = { rounds: 1, warmUp: 0, events: 300 }

        const caughtUp = yield* measureCatchUp(official, tidelog, sizes)
        assert.deepStrictEqual(
          caughtUp.pairs.map(({ client, server }) => `${client} on ${server}`),
          [
            "tidelog on tidelog",
            "official on official",
            "tidelog on official",
            "official on tidelog"
          ]
        )
        for (const { pages, totalMs, workMs } of caughtUp.pairs) {
          assert.isAbove(pages, 0)
          assert.isAbove(workMs, 0)
          assert.isAbove(totalMs.median, workMs)
        }
        assert.isAbove(caughtUp.ratio, 0)
        assert.isAbove(caughtUp.shares["SQLite"] ?? 0, 0)
        assert.include(catchUpTable(caughtUp), "as fast as the official pair")

        const bySize = yield* measurePageSizes(tidelog, sizes, [100, 150])
        assert.deepStrictEqual(
          bySize.map(({ pageEvents, pages }) => [pageEvents, pages]),
          [
            [100, 3],
            [150, 2]
          ]
        )
        assert.include(pageSizesTable(bySize), "events a page")

        const costs = yield* measureReaders(tidelog, { ...sizes, live: 5 })
        assert.deepStrictEqual(
          costs.map(({ reader }) => reader),
          ["socket", "official", "tidelog"]
        )
        for (const { liveUs, pullUs } of costs) {
          assert.isAbove(pullUs.median, 0)
          assert.isAbove(liveUs.median, 0)
        }
        assert.include(readersTable(costs), "beyond the socket")

        // So far apart that LiveStore has nothing to rebase.
        const pushes = yield* measurePushes(tidelog, {
          ...sizes,
          events: 1,
          everyMs: [4_000],
          cases: pushesCases.slice(1, 3)
        })
        assert.deepStrictEqual(
          pushes.map(({ died, pushesOfAnEvent, stores }) => ({ died, pushesOfAnEvent, stores })),
          [
            { died: 0, pushesOfAnEvent: 1, stores: 2 },
            { died: 0, pushesOfAnEvent: 1, stores: 2 }
          ]
        )
        assert.include(pushesTable(pushes), "as it is")
      }),
    { timeout: 240_000 }
  )
})
