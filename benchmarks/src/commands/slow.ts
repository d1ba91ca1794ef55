/** The goals table with a network between the object and D1. */
import { Command } from "@effect/cli"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { serverNames } from "../BenchServer.ts"
import { tables } from "../report/table.ts"
import { ResultFromText } from "../Result.ts"
import { run } from "../run.ts"
import { workloads } from "../workloads/index.ts"
import { fullSizes } from "../workloads/Workload.ts"
import { out, save } from "./save.ts"

/** Milliseconds: D1 next door, and D1 in another region. */
const DELAYS = [5, 30]

export const slow = Command.make("slow", { out }, ({ out }) =>
  Effect.forEach(
    DELAYS,
    (d1DelayMs) =>
      Effect.gen(function* () {
        const result = yield* run({
          servers: serverNames,
          workloads,
          sizes: { ...fullSizes, pushes: 50, batches: 10, liveEvents: 10, pushesPerStore: 10 },
          costEvents: 0,
          sockets: 0,
          d1DelayMs
        })
        yield* Console.log(`\nwith ${d1DelayMs} ms added to every call of D1\n${tables(result)}\n`)
        const json = yield* Schema.encode(ResultFromText)(result)
        yield* save(out, { [`d1-${d1DelayMs}ms.json`]: `${json}\n` })
      }),
    { discard: true }
  )
).pipe(Command.withDescription("with 5 and with 30 ms added to every call of D1"))
