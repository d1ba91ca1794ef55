/** Load that goes on. */
import { Command, Options } from "@effect/cli"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { serverNames, start } from "../BenchServer.ts"
import { measureSoak } from "../measures/soak.ts"
import { bytes, number, percent, table } from "../report/format.ts"
import { WrongResult } from "../WrongResult.ts"
import { out, saveMeasure } from "./save.ts"

const minutes = Options.float("minutes").pipe(Options.withDefault(10))
const server = Options.choice("server", serverNames).pipe(Options.withDefault("tidelog" as const))
const stores = Options.integer("stores").pipe(Options.withDefault(5))
const readers = Options.integer("readers").pipe(
  Options.withDescription("live readers of each store"),
  Options.withDefault(5)
)

export const soak = Command.make(
  "soak",
  { out, minutes, server, stores, readers },
  ({ minutes, out, readers, server, stores }) =>
    Effect.gen(function* () {
      const seconds = Math.round(minutes * 60)
      const running = yield* start(server)
      const soak = yield* measureSoak(running, {
        seconds,
        sampleSeconds: Math.max(2, Math.min(15, Math.floor(seconds / 12))),
        stores,
        readers
      })
      yield* Console.log(
        `\n${table(
          ["second", "heap", "RSS", "events/s", "push p99 ms"],
          soak.samples.map(({ eventsPerSecond, heap, pushP99Ms, rss, second }) => [
            `${second}`,
            bytes(heap),
            bytes(rss),
            number(eventsPerSecond),
            number(pushP99Ms)
          ])
        )}\nheap, last third against second: ${percent(soak.heapGrowth)}; RSS: ${percent(soak.rssGrowth)}\n`
      )
      yield* saveMeasure(out, `soak-${server}`, soak)
      if (!soak.flat) {
        return yield* new WrongResult({ message: `the memory of ${server} is not flat` })
      }
    }).pipe(Effect.scoped)
).pipe(Command.withDescription("ten minutes of load; fails unless memory stays flat"))
