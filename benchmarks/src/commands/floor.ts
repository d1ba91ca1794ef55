/** What of a push is the platform's. */
import { Command } from "@effect/cli"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { start } from "../BenchServer.ts"
import { measureFloor } from "../measures/floor.ts"
import { number, table } from "../report/format.ts"
import { fullSizes } from "../workloads/Workload.ts"
import { out, saveMeasure } from "./save.ts"

export const floor = Command.make("floor", { out }, ({ out }) =>
  Effect.gen(function* () {
    const bare = yield* start("bare")
    const tidelog = yield* start("tidelog")
    const floor = yield* measureFloor(bare, [bare, tidelog], fullSizes)
    const { frameMs, pushMs, writeMs } = floor
    yield* Console.log(
      `\n${table(
        ["of one push", "ms"],
        [
          ["a frame's way to its object and back", number(frameMs)],
          ["one write to D1", number(writeMs)],
          ["both: the floor", number(frameMs + writeMs)],
          ...Object.entries(pushMs).map(([name, ms]) => [`a push, ${name}`, number(ms)])
        ]
      )}\n`
    )
    yield* saveMeasure(out, "floor", floor)
  }).pipe(Effect.scoped)
).pipe(Command.withDescription("what of a push is the platform's, whatever the server does"))
