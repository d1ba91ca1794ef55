/**
 * Two LiveStore stores that write to one log at a steady pace: how many of their pushes are interrupted, how
 * much is rebased, and when both show the same. As it is, and with pages that wait for pushes.
 */
import * as Effect from "effect/Effect"
import type { BenchServer } from "../BenchServer.ts"
import { spreadOf } from "../stats.ts"
import type { Spread } from "../stats.ts"
import { withWire } from "../workloads/Workload.ts"
import { wrong, WrongResult } from "../WrongResult.ts"
import type { ClientName } from "./backends.ts"
import { start } from "./child.ts"
import type { Holding } from "./holding.ts"
import type { WriteOrder, Written } from "./pushesProcess.ts"
import type { Rounds } from "./rounds.ts"
import { inTurns } from "./rounds.ts"

export interface PushesSizes extends Rounds {
  /** Events that each of two writers commits. */
  readonly events: number
  /** Milliseconds from one to the next. */
  readonly everyMs: ReadonlyArray<number>
  readonly cases: ReadonlyArray<readonly [client: ClientName, holding: Holding]>
}

interface Case {
  readonly client: ClientName
  readonly holding: Holding
  /** Milliseconds from one commit of a writer to its next. */
  readonly everyMs: number
}

/** All rounds together, both writers. */
export interface Interrupted extends Case {
  readonly pushes: number
  /** Of the pushes: those that LiveStore interrupted before they were answered. */
  readonly interrupted: number
  /** Of the pushes: those that were told that other events come first. */
  readonly behind: number
  /** What else pushes were told, each once. */
  readonly refusals: ReadonlyArray<string>
  /** How often an event is in a push, in the mean. */
  readonly pushesOfAnEvent: number
  /** How often an event is rebased, in the mean. */
  readonly rebasesOfAnEvent: number
  /** Stores, and those of them that LiveStore gave up. */
  readonly stores: number
  readonly died: number
  /** Events that are in the log more than once, because LiveStore committed them anew. */
  readonly repeated: number
  /** Why, each reason once. */
  readonly reasons: ReadonlyArray<string>
  /** Milliseconds from the last commit until both show the same; of the rounds in which both lived. */
  readonly lagMs?: Spread
}

const AS_IT_IS: Holding = { way: "none", maxMs: 0 }

/** What is compared. */
export const pushesCases: PushesSizes["cases"] = [
  ["official", AS_IT_IS],
  ["tidelog", AS_IT_IS],
  ["tidelog", { way: "untilAnswer", maxMs: 50 }],
  ["tidelog", { way: "untilAnswer", maxMs: 200 }],
  ["tidelog", { way: "pageFirst", maxMs: 50 }],
  ["tidelog", { way: "pageFirst", maxMs: 200 }]
]

interface Round {
  readonly writers: ReadonlyArray<Written>
  /** Events that are in the log again. */
  readonly repeated: number
}

const PROCESS = new URL("pushesProcess.ts", import.meta.url)

export const measurePushes = (server: BenchServer, sizes: PushesSizes) =>
  Effect.gen(function* () {
    yield* Effect.logInfo("two writers")
    const cases = sizes.everyMs.flatMap((everyMs) =>
      sizes.cases.map(([client, holding]): Case => ({ client, holding, everyMs }))
    )
    const played = yield* inTurns(cases, sizes, (one, name) =>
      wrong(() => write(server, one, `two_${name}`, sizes.events))
    )
    return cases.map((one, at) => summarise(one, played[at] ?? []))
  })

/** The heart of a cause that was printed. */
const inWords = (cause: string): string =>
  /(?:RuntimeException|Error): ([^\\"\n{]+)/.exec(cause)?.[1]?.trim() ?? cause.slice(0, 200)

const summarise = (one: Case, rounds: ReadonlyArray<Round>): Interrupted => {
  const writers = rounds.flatMap(({ writers }) => writers)
  const total = (of: (writer: Written) => number) =>
    writers.reduce((sum, writer) => sum + of(writer), 0)
  const committed = total((writer) => writer.committed)
  const lags = rounds.flatMap(({ writers }) => {
    const lags = writers.flatMap(({ lagMs }) => lagMs ?? [])
    return lags.length === writers.length ? [Math.max(...lags)] : []
  })
  const reasons = writers.flatMap(({ died }) => (died === undefined ? [] : inWords(died)))
  return {
    ...one,
    pushes: total(({ pushes }) => pushes),
    interrupted: total(({ interrupted }) => interrupted),
    behind: total(({ behind }) => behind),
    refusals: Array.from(new Set(writers.flatMap(({ refusals }) => refusals))),
    pushesOfAnEvent: total(({ eventsPushed }) => eventsPushed) / committed,
    rebasesOfAnEvent: total(({ eventsRebased }) => eventsRebased) / committed,
    stores: writers.length,
    died: reasons.length,
    repeated: rounds.reduce((sum, { repeated }) => sum + repeated, 0),
    reasons: Array.from(new Set(reasons)),
    ...(lags.length === 0 ? {} : { lagMs: spreadOf(lags) })
  }
}

const write = async (
  server: BenchServer,
  { client, everyMs, holding }: Case,
  storeId: string,
  events: number
): Promise<Round> => {
  const writers = ["anna", "berta"].map((clientId) => ({
    clientId,
    child: start<WriteOrder, Written | undefined>(PROCESS)
  }))
  try {
    const { port } = server
    await Promise.all(
      writers.map(({ child, clientId }) =>
        child.order({ _tag: "open", client, clientId, port, storeId, holding })
      )
    )
    const written = await Promise.all(
      writers.map(async ({ child }, at) => {
        // They write in turns, so that it is no matter of luck how near to each other they do.
        const afterMs = (at * everyMs) / writers.length
        const total = writers.length * events
        const report = await child.order({ _tag: "write", events, total, everyMs, afterMs })
        // The other one waits for events that will not come.
        if (report?.lagMs === undefined) {
          await Promise.all(writers.map(({ child }) => child.order({ _tag: "stop" })))
        }
        return report
      })
    )
    const reports = written.filter((report) => report !== undefined)
    const expected = writers
      .flatMap(({ clientId }) => Array.from({ length: events }, (_, at) => `${clientId}-${at}`))
      .toSorted()
    const whole = reports.every(({ lagMs }) => lagMs !== undefined)
    if (whole) {
      for (const { ids } of reports) checkIds(`what ${client} shows`, ids, expected)
    }
    const log = await logOf(server, storeId)
    const logged = new Set(log)
    if (whole) checkIds("the log", [...logged], expected)
    return { writers: reports, repeated: log.length - logged.size }
  } finally {
    await Promise.all(writers.map(({ child }) => child.end()))
  }
}

/** Every todo once. */
const checkIds = (
  what: string,
  ids: ReadonlyArray<string>,
  expected: ReadonlyArray<string>
): void => {
  const sorted = ids.toSorted()
  const wrongAt = expected.findIndex((id, at) => sorted[at] !== id)
  if (wrongAt !== -1 || sorted.length !== expected.length) {
    throw new WrongResult({
      message: `${what}: ${ids.length} todos of ${expected.length}; ${expected[wrongAt]} is lost or repeated`
    })
  }
}

interface PageFrame {
  readonly values: ReadonlyArray<{
    readonly batch: ReadonlyArray<{
      readonly eventEncoded: { readonly args: { readonly id: string } }
    }>
  }>
}

/** The ids of the todos in a log. */
const logOf = (server: BenchServer, storeId: string): Promise<ReadonlyArray<string>> =>
  withWire(server, storeId, async (wire) => {
    const pull = wire.pull({ live: false })
    await pull.ended
    return pull.chunks.flatMap((chunk) => {
      const frame: PageFrame = JSON.parse(chunk.toString())
      return frame.values.flatMap(({ batch }) =>
        batch.map(({ eventEncoded }) => eventEncoded.args.id)
      )
    })
  })
