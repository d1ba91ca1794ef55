/** A writer among many readers. */
import { Command, Options } from "@effect/cli"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { serverNames } from "../BenchServer.ts"
import { measureCrowd } from "../measures/crowd.ts"
import { number, percent, table } from "../report/format.ts"
import { startAll } from "../run.ts"
import { out, saveMeasure } from "./save.ts"

const readers = Options.integer("readers").pipe(Options.withDefault(100))
const logEvents = Options.integer("log-events").pipe(Options.withDefault(10_000))
const pushes = Options.integer("pushes").pipe(Options.withDefault(1_500))
const rounds = Options.integer("rounds").pipe(Options.withDefault(3))

const server = Options.choice("server", serverNames).pipe(
  Options.withDescription("a server to measure; may be repeated. Without it all are measured"),
  Options.repeated
)

export const crowd = Command.make(
  "crowd",
  { out, readers, logEvents, pushes, rounds, server },
  (options) =>
    Effect.gen(function* () {
      const servers = yield* startAll(options.server.length > 0 ? options.server : serverNames, {})
      const crowds = yield* measureCrowd(servers, options)
      yield* Console.log(
        `\nsingle pushes while ${options.readers} clients pull ${options.logEvents} events\n${table(
          [
            "server",
            "pushes/s alone",
            "crowded",
            "kept",
            "p99 ms alone",
            "crowded",
            "events read/s"
          ],
          crowds.map((crowd) =>
            "wrong" in crowd
              ? [crowd.server, crowd.wrong]
              : [
                  crowd.server,
                  number(crowd.alone.perSecond),
                  number(crowd.crowded.perSecond),
                  percent(crowd.kept),
                  number(crowd.alone.p99Ms),
                  number(crowd.crowded.p99Ms),
                  number(crowd.eventsRead)
                ]
          )
        )}\n`
      )
      yield* saveMeasure(options.out, "crowd", { crowds })
    }).pipe(Effect.scoped)
).pipe(Command.withDescription("writes while many cold pulls run"))
