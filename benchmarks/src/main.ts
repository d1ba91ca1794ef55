/**
 * `pnpm bench`: see docs/performance.md.
 */
import { Command } from "@effect/cli"
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import * as Effect from "effect/Effect"
import { bench } from "./commands/bench.ts"
import { client } from "./commands/client.ts"
import { crowd } from "./commands/crowd.ts"
import { floor } from "./commands/floor.ts"
import { profile } from "./commands/profile.ts"
import { slow } from "./commands/slow.ts"
import { soak } from "./commands/soak.ts"
import { stores } from "./commands/stores.ts"

const cli = bench.pipe(
  Command.withSubcommands([client, floor, slow, crowd, soak, stores, profile]),
  Command.run({ name: "bench", version: "0.0.0" })
)

cli(process.argv).pipe(Effect.provide(NodeContext.layer), NodeRuntime.runMain)
