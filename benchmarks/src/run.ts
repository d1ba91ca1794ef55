/**
 * A whole run: servers up, work done, servers down.
 */
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import { start } from "./BenchServer.ts"
import type { ServerName, ServerOptions } from "./BenchServer.ts"
import * as environment from "./environment.ts"
import { measureCosts } from "./measures/costs.ts"
import { measureLines } from "./measures/lines.ts"
import { measureMemory } from "./measures/memory.ts"
import type { Result } from "./Result.ts"
import type { Sizes, Workload } from "./workloads/Workload.ts"

export interface RunOptions {
  readonly servers: ReadonlyArray<ServerName>
  readonly workloads: ReadonlyArray<Workload>
  readonly sizes: Sizes
  /** Events that costs are counted over; 0 leaves them out. */
  readonly costEvents: number
  /** Sockets that memory is measured with; 0 leaves it out. */
  readonly sockets: number
  readonly d1DelayMs?: number
}

export const startAll = (names: ReadonlyArray<ServerName>, options: ServerOptions) =>
  Effect.forEach(names, (name) => start(name, options), { concurrency: "unbounded" })

export const run = (options: RunOptions) =>
  Effect.gen(function* () {
    const before = yield* describeRun(options.sizes)
    const lines = yield* startAll(options.servers, { d1DelayMs: options.d1DelayMs ?? 0 }).pipe(
      Effect.flatMap((servers) => measureLines(servers, options.workloads, options.sizes)),
      Effect.scoped
    )
    // The yardstick keeps nothing and bills nothing that anybody would compare with.
    const compared = options.servers.filter((name) => name !== "bare")
    const costs =
      options.costEvents === 0
        ? []
        : yield* startAll(compared, { meter: true }).pipe(
            Effect.flatMap((servers) => measureCosts(servers, options.costEvents)),
            Effect.scoped
          )
    const memory =
      options.sockets === 0
        ? []
        : yield* startAll(options.servers, {}).pipe(
            Effect.flatMap((servers) => measureMemory(servers, options.sockets)),
            Effect.scoped
          )
    const result: Result = { ...before, lines, costs, memory }
    return result
  })

/** What is known of a run before it begins. */
export const describeRun = (sizes: Sizes) =>
  Effect.map(Clock.currentTimeMillis, (millis) => ({
    version: 1 as const,
    startedAt: DateTime.formatIso(DateTime.unsafeMake(millis)),
    commit: environment.commit(),
    sizes: { ...sizes },
    machine: environment.machine(),
    versions: environment.versions()
  }))
