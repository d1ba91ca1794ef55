/** A result as tables. */
import type { Cost, Line, Memory, Result, Score } from "../Result.ts"
import { bytes, number, percent, table, times } from "./format.ts"

export const tables = (result: Result): string =>
  [
    header(result),
    lineTable(result.lines),
    ...(result.costs.length === 0 ? [] : [costTable(result.costs)]),
    ...(result.memory.length === 0 ? [] : [memoryTable(result.memory)])
  ].join("\n\n")

const header = ({ commit, machine, sizes, startedAt, versions }: Result): string =>
  [
    `${startedAt.slice(0, 10)}, commit ${commit}: ${machine.cpu}, ${machine.cores} cores, ${machine.os}, load ${machine.load}`,
    Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(", "),
    `median of ${sizes["rounds"]} rounds (lowest to highest)`
  ].join("\n")

const spread = (score: Score | undefined): string =>
  score === undefined
    ? "–"
    : `${number(score.median)} (${number(score.min)} to ${number(score.max)})`

const lineTable = (lines: ReadonlyArray<Line>): string =>
  table(
    [
      "work",
      "unit",
      "official",
      "Tidelog",
      "bare object",
      "Tidelog is",
      "bare is",
      "goal",
      "of bare",
      "p99 ms: official",
      "Tidelog",
      "bare"
    ],
    lines.map(({ goal, ofBare, ratio, servers, title, unit }) => [
      title,
      unit,
      spread(servers.official),
      spread(servers.tidelog),
      spread(servers.bare),
      times(ratio.tidelog),
      times(ratio.bare),
      times(goal),
      percent(ofBare),
      number(servers.official?.p99Ms),
      number(servers.tidelog?.p99Ms),
      number(servers.bare?.p99Ms)
    ])
  )

const costTable = (costs: ReadonlyArray<Cost>): string =>
  table(
    [
      "a million events",
      "server",
      "bytes up/event",
      "bytes down/event",
      "frames in/event",
      "rows written/event",
      "rows read/event",
      "D1 calls/event",
      "requests billed",
      "dollars"
    ],
    costs.map((cost) => [
      cost.use,
      cost.server,
      number(cost.bytesUpPerEvent),
      number(cost.bytesDownPerEvent),
      number(cost.framesInPerEvent),
      number(cost.rowsWrittenPerEvent),
      number(cost.rowsReadPerEvent),
      number(cost.d1CallsPerEvent),
      number(cost.requestsBilled),
      `$${cost.dollars.toFixed(3)}`
    ])
  )

const memoryTable = (memory: ReadonlyArray<Memory>): string =>
  table(
    [
      "memory of one more",
      "idle socket, heap",
      "live subscription, heap",
      "the same asleep, heap",
      "idle socket, RSS",
      "live subscription, RSS"
    ],
    memory.map((one) => [
      `${one.server} (${one.sockets} sockets)`,
      bytes(one.heapPerIdleSocket),
      bytes(one.heapPerSubscription),
      bytes(one.heapPerSubscriptionAsleep),
      bytes(one.rssPerIdleSocket),
      bytes(one.rssPerSubscription)
    ])
  )
