/** What an app waits for: the clients under LiveStore. */
import { Command, Options } from "@effect/cli"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { start } from "../BenchServer.ts"
import { measureApp } from "../client/app.ts"
import { measureCatchUp, measurePageSizes } from "../client/catchUp.ts"
import { measurePushes, pushesCases } from "../client/pushes.ts"
import { measureReaders } from "../client/readers.ts"
import {
  appTable,
  catchUpTable,
  pageSizesTable,
  pushesTable,
  readersTable
} from "../client/report.ts"
import { out, saveMeasure } from "./save.ts"

const parts = ["catch-up", "page-sizes", "pushes", "readers", "app"] as const

const part = Options.choice("part", parts).pipe(
  Options.withDescription("a part to measure; may be repeated. Without it all are measured"),
  Options.repeated
)
const events = Options.integer("events").pipe(
  Options.withDescription("events of the log that is caught up with"),
  Options.withDefault(10_000)
)
const rounds = Options.integer("rounds").pipe(
  Options.withDescription("rounds that count, after one that does not"),
  Options.withDefault(3)
)

export const client = Command.make("client", { out, part, events, rounds }, (options) =>
  Effect.gen(function* () {
    const wanted = options.part.length > 0 ? options.part : parts
    const official = yield* start("official")
    const tidelog = yield* start("tidelog")
    const { events, out, rounds } = options
    const sizes = { events, rounds, warmUp: 1 }
    if (wanted.includes("catch-up")) {
      const measured = yield* measureCatchUp(official, tidelog, sizes)
      yield* Console.log(`\n${catchUpTable(measured)}\n`)
      yield* saveMeasure(out, "client-catch-up", { events, rounds, ...measured })
    }
    if (wanted.includes("page-sizes")) {
      const bySize = yield* measurePageSizes(tidelog, sizes, [100, 500, 1_000, 5_000])
      yield* Console.log(`\n${pageSizesTable(bySize)}\n`)
      yield* saveMeasure(out, "client-page-sizes", { events, rounds, bySize })
    }
    if (wanted.includes("pushes")) {
      const cases = yield* measurePushes(tidelog, {
        ...sizes,
        events: 60,
        everyMs: [50, 200],
        cases: pushesCases
      })
      yield* Console.log(`\n${pushesTable(cases)}\n`)
      yield* saveMeasure(out, "client-pushes", { rounds, cases })
    }
    if (wanted.includes("readers")) {
      const costs = yield* measureReaders(tidelog, { ...sizes, live: 1_000 })
      yield* Console.log(`\n${readersTable(costs)}\n`)
      yield* saveMeasure(out, "client-readers", { events, rounds, costs })
    }
    if (wanted.includes("app")) {
      const opened = yield* measureApp({ official, tidelog }, sizes)
      yield* Console.log(`\n${appTable(opened)}\n`)
      yield* saveMeasure(out, "client-app", { events, rounds, opened })
    }
  }).pipe(Effect.scoped)
).pipe(Command.withDescription("catching up, writing and opening an app, under LiveStore"))
