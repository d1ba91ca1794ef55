/**
 * The lines of the goals table: all servers side by side, in rounds, so that whatever the machine
 * does meanwhile it does to all of them.
 */
import * as Effect from "effect/Effect"
import type { BenchServer, ServerName } from "../BenchServer.ts"
import type { Line, Score } from "../Result.ts"
import { median, quantile } from "../stats.ts"
import type { Round, Sizes, Workload } from "../workloads/Workload.ts"
import { wrong } from "../WrongResult.ts"

export const measureLines = (
  servers: ReadonlyArray<BenchServer>,
  workloads: ReadonlyArray<Workload>,
  sizes: Sizes
) =>
  Effect.gen(function* () {
    yield* prepare(servers, workloads, sizes)
    const lines: Array<Line> = []
    for (const workload of workloads) {
      yield* Effect.logInfo(workload.title)
      lines.push(toLine(workload, yield* playRounds(servers, workload, sizes)))
    }
    return lines
  })

const prepare = (
  servers: ReadonlyArray<BenchServer>,
  workloads: ReadonlyArray<Workload>,
  sizes: Sizes
) =>
  Effect.gen(function* () {
    const prepared = workloads.filter(({ prepare }) => prepare !== undefined)
    if (prepared.length === 0) return
    yield* Effect.logInfo("filling logs")
    for (const server of servers) {
      for (const { prepare } of prepared) {
        yield* wrong(async () => prepare?.(server, sizes))
      }
    }
    // From here on nothing of those logs is in memory.
    yield* Effect.forEach(servers, ({ restart }) => restart, { concurrency: "unbounded" })
  })

/** The first round only makes all that can be warm so. The order turns with each round. */
const playRounds = (servers: ReadonlyArray<BenchServer>, workload: Workload, sizes: Sizes) =>
  Effect.gen(function* () {
    const played = new Map<ServerName, Array<Round>>(servers.map(({ name }) => [name, []]))
    for (let round = 0; round <= sizes.rounds; round++) {
      for (let turn = 0; turn < servers.length; turn++) {
        const server = servers[(round + turn) % servers.length]
        if (server === undefined) continue
        const result = yield* wrong(() =>
          workload.run(server, `${workload.id}_round_${round}`, sizes)
        )
        if (round > 0) played.get(server.name)?.push(result)
      }
    }
    return played
  })

const toScore = (rounds: ReadonlyArray<Round>): Score => {
  const scores = rounds.map(({ score }) => score)
  const latencies = rounds.flatMap(({ latencies }) => latencies)
  return {
    rounds: scores,
    median: median(scores),
    min: Math.min(...scores),
    max: Math.max(...scores),
    p50Ms: median(latencies),
    p99Ms: quantile(latencies, 0.99)
  }
}

const toLine = (
  { goal, id, title, unit }: Workload,
  played: ReadonlyMap<ServerName, ReadonlyArray<Round>>
): Line => {
  const scores = Object.fromEntries(
    Array.from(played, ([name, rounds]) => [name, toScore(rounds)])
  ) as Line["servers"]
  const faster = (one: Score | undefined, other: Score | undefined) =>
    one === undefined || other === undefined
      ? undefined
      : unit === "ms"
        ? other.median / one.median
        : one.median / other.median
  const { bare, official, tidelog } = scores
  return {
    id,
    title,
    unit,
    goal,
    servers: scores,
    ratio: { tidelog: faster(tidelog, official), bare: faster(bare, official) },
    ofBare: faster(tidelog, bare)
  }
}
