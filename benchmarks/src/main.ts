/**
 * `pnpm bench`: see docs/performance.md.
 */
import { Command, Options } from "@effect/cli"
import { FileSystem, Path } from "@effect/platform"
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { serverNames } from "./BenchServer.ts"
import { chart } from "./report/chart.ts"
import { compare } from "./report/compare.ts"
import { tables } from "./report/table.ts"
import { ResultFromText } from "./Result.ts"
import type { Result } from "./Result.ts"
import { run } from "./run.ts"
import { workloads } from "./workloads/index.ts"
import { fullSizes } from "./workloads/Workload.ts"

const out = Options.directory("out").pipe(
  Options.withDescription("the folder for the JSON and the chart"),
  Options.withDefault(`${import.meta.dirname}/../results`)
)

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

const d1Delay = Options.integer("d1-delay").pipe(
  Options.withDescription("milliseconds added to every call of D1"),
  Options.withDefault(0)
)

const save = (folder: string, name: string, result: Result) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    yield* fs.makeDirectory(folder, { recursive: true })
    const json = yield* Schema.encode(ResultFromText)(result)
    yield* fs.writeFileString(path.join(folder, `${name}.json`), `${json}\n`)
    yield* fs.writeFileString(path.join(folder, `${name}.svg`), chart(result))
    yield* Console.log(`\nwritten to ${path.join(folder, name)}.{json,svg}`)
  })

const load = (file: string) =>
  FileSystem.FileSystem.pipe(
    Effect.flatMap((fs) => fs.readFileString(file)),
    Effect.flatMap(Schema.decode(ResultFromText))
  )

const bench = Command.make(
  "bench",
  { out, rounds, only, comparedWith, linesOnly, d1Delay },
  ({ comparedWith, d1Delay, linesOnly, only, out, rounds }) =>
    Effect.gen(function* () {
      // Before the work: a file that cannot be read is better known now.
      const before = yield* Effect.transposeMapOption(comparedWith, load)
      const result = yield* run({
        servers: serverNames,
        workloads: workloads.filter(({ id }) => only.length === 0 || only.includes(id)),
        sizes: { ...fullSizes, rounds },
        costEvents: linesOnly ? 0 : 1_000,
        sockets: linesOnly ? 0 : 500,
        d1DelayMs: d1Delay
      })
      yield* Console.log(`\n${tables(result)}`)
      if (Option.isSome(before)) yield* Console.log(`\n${compare(before.value, result)}`)
      yield* save(out, d1Delay === 0 ? "latest" : `d1-${d1Delay}ms`, result)
    })
)

const cli = Command.run(bench, { name: "bench", version: "0.0.0" })

cli(process.argv).pipe(Effect.provide(NodeContext.layer), NodeRuntime.runMain)
