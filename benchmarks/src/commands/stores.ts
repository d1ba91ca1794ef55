/** Few stores in one database against many. */
import { Command, Options } from "@effect/cli"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { serverNames } from "../BenchServer.ts"
import { measureTables } from "../measures/tables.ts"
import { number, table } from "../report/format.ts"
import { startAll } from "../run.ts"
import { out, saveMeasure } from "./save.ts"

const many = Options.integer("many").pipe(Options.withDefault(20_000))
const few = Options.integer("few").pipe(Options.withDefault(100))
const probes = Options.integer("probes").pipe(
  Options.withDescription("new stores that are measured at each"),
  Options.withDefault(30)
)
const server = Options.choice("server", serverNames).pipe(
  Options.withDescription("a server to measure; may be repeated. Without it: official and tidelog"),
  Options.repeated
)

export const stores = Command.make(
  "stores",
  { out, many, few, probes, server },
  ({ few, many, out, probes, server }) =>
    Effect.gen(function* () {
      const names = server.length > 0 ? server : (["official", "tidelog"] as const)
      const servers = yield* startAll(names, {})
      const times = yield* measureTables(servers, [few, many], probes)
      yield* Console.log(
        `\n${table(
          [
            "server",
            "stores",
            "first open ms",
            "open p50 ms",
            "p99",
            "push p50 ms",
            "p99",
            "pull p50 ms",
            "p99"
          ],
          times.map(({ firstOpenMs, openMs, pullMs, pushMs, server, stores }) => [
            server,
            number(stores),
            number(firstOpenMs),
            ...[openMs, pushMs, pullMs].flatMap(({ p50, p99 }) => [number(p50), number(p99)])
          ])
        )}\n`
      )
      yield* saveMeasure(out, "stores", { times })
    }).pipe(Effect.scoped)
).pipe(Command.withDescription("20,000 stores in one database against 100"))
