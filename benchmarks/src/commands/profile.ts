/** Where a server's time goes. */
import { Command, Options } from "@effect/cli"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { serverNames, start } from "../BenchServer.ts"
import { byGroup, profileWork } from "../measures/profile.ts"
import { percent, table } from "../report/format.ts"
import { workloads } from "../workloads/index.ts"
import { fullSizes } from "../workloads/Workload.ts"

const server = Options.choice("server", serverNames).pipe(Options.withDefault("tidelog" as const))
const line = Options.choice(
  "line",
  workloads.map(({ id }) => id)
).pipe(Options.withDescription("the work to do; may be repeated"), Options.atLeast(1))
const top = Options.integer("top").pipe(Options.withDefault(30))

const shares = (share: number) => `${(share * 100).toFixed(1)} %`

export const profile = Command.make("profile", { server, line, top }, ({ line, server, top }) =>
  Effect.gen(function* () {
    const running = yield* start(server)
    for (const workload of workloads.filter(({ id }) => line.includes(id))) {
      const { busy, hot, modules } = yield* profileWork(running, workload, fullSizes)
      const print = (title: string, by: "self" | "total") =>
        Console.log(
          `\n${title}\n${table(
            ["function", "where", "self", "with what it calls"],
            hot
              .toSorted((a, b) => b[by] - a[by])
              .slice(0, top)
              .map(({ name, self, total, where }) => [name, where, shares(self), shares(total)])
          )}`
        )
      yield* print(
        `${server}, ${workload.title}: busy ${percent(busy)} of the time; by time in itself`,
        "self"
      )
      yield* Console.log(
        `\nby what it is part of\n${table(
          ["part", "self"],
          byGroup(modules).map(([group, self]) => [group, shares(self)])
        )}`
      )
      yield* Console.log(
        `\nby module\n${table(
          ["module", "self"],
          modules.slice(0, top).map(([module, self]) => [module, shares(self)])
        )}`
      )
      const ours = hot.filter(({ where }) => where.startsWith("packages/"))
      yield* Console.log(
        `\nthis project's functions, with what they call\n${table(
          ["function", "where", "with what it calls"],
          ours
            .toSorted((a, b) => b.total - a.total)
            .slice(0, top)
            .map(({ name, total, where }) => [name, where, shares(total)])
        )}`
      )
      yield* print("by time with what it calls", "total")
    }
  }).pipe(Effect.scoped)
).pipe(Command.withDescription("a CPU profile of one server at one line's work"))
