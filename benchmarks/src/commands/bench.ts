/** The goals table, with costs and memory. */
import { Command, Options } from "@effect/cli"
import { FileSystem } from "@effect/platform"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { serverNames } from "../BenchServer.ts"
import { chart } from "../report/chart.ts"
import { compare } from "../report/compare.ts"
import { tables } from "../report/table.ts"
import { ResultFromText } from "../Result.ts"
import { run } from "../run.ts"
import { workloads } from "../workloads/index.ts"
import { fullSizes } from "../workloads/Workload.ts"
import { out, save } from "./save.ts"

const rounds = Options.integer("rounds").pipe(
  Options.withDescription("rounds that count, after one that does not"),
  Options.withDefault(fullSizes.rounds)
)

const only = Options.choice(
  "only",
  workloads.map(({ id }) => id)
).pipe(
  Options.withDescription("a line of the table; may be repeated. Without it all are measured"),
  Options.repeated
)

const comparedWith = Options.file("compare").pipe(
  Options.withDescription("the JSON of an older run"),
  Options.optional
)

const linesOnly = Options.boolean("lines-only").pipe(
  Options.withDescription("leaves out costs and memory")
)

const load = (file: string) =>
  FileSystem.FileSystem.pipe(
    Effect.flatMap((fs) => fs.readFileString(file)),
    Effect.flatMap(Schema.decode(ResultFromText))
  )

export const bench = Command.make(
  "bench",
  { out, rounds, only, comparedWith, linesOnly },
  ({ comparedWith, linesOnly, only, out, rounds }) =>
    Effect.gen(function* () {
      // Before the work: a file that cannot be read is better known now.
      const before = yield* Effect.transposeMapOption(comparedWith, load)
      const result = yield* run({
        servers: serverNames,
        workloads: workloads.filter(({ id }) => only.length === 0 || only.includes(id)),
        sizes: { ...fullSizes, rounds },
        costEvents: linesOnly ? 0 : 1_000,
        sockets: linesOnly ? 0 : 300
      })
      yield* Console.log(`\n${tables(result)}\n`)
      if (Option.isSome(before)) yield* Console.log(`${compare(before.value, result)}\n`)
      const json = yield* Schema.encode(ResultFromText)(result)
      yield* save(out, { "latest.json": `${json}\n`, "latest.svg": chart(result) })
    })
)
