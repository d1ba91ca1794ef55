/**
 * A measured server: its worker under a `wrangler dev` of its own, all with the same settings.
 *
 * A process each, so that none pays for the garbage, the heap or the compiled code of another. Only
 * one is given work at a time.
 */
import { readdirSync, readFileSync } from "node:fs"
import { Path } from "@effect/platform"
import { ask } from "@tidelog/e2e/src/ask.ts"
import { HarnessError } from "@tidelog/e2e/src/HarnessError.ts"
import * as WranglerDev from "@tidelog/e2e/src/WranglerDev.ts"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

export const serverNames = ["official", "tidelog", "bare"] as const
export type ServerName = (typeof serverNames)[number]

export interface BenchServer {
  readonly name: ServerName
  /** Where it listens, on 127.0.0.1; the same after each start. */
  readonly port: number
  /** Where its inspector listens. */
  readonly inspectorPort: number
  /** Ends it and starts it on the state that it left: nothing is in memory any more. */
  readonly restart: Effect.Effect<void, HarnessError>
  /** What its D1 and its objects' storage have counted, if it was started with `meter`. */
  readonly meter: Effect.Effect<typeof Meter.Type, HarnessError>
  /** Makes the tables of stores `from` to `to`, without opening them. */
  readonly createStores: (from: number, to: number) => Effect.Effect<void, HarnessError>
  /** Writes so many rows to its D1, each after the last is written. */
  readonly write: (count: number) => Effect.Effect<void, HarnessError>
  /** The process id of the workerd that runs the worker, where /proc tells. */
  readonly workerPid: () => number | undefined
}

export const Meter = Schema.Struct({
  d1Calls: Schema.Number,
  rowsRead: Schema.Number,
  rowsWritten: Schema.Number
})

export interface ServerOptions {
  /** Milliseconds added to every call of D1. */
  readonly d1DelayMs?: number
  /** Counts rows and calls. */
  readonly meter?: boolean
}

/** Starts a server; closing the scope ends it and removes its state. */
export const start = (name: ServerName, options: ServerOptions = {}) =>
  Effect.gen(function* () {
    const path = yield* Path.Path
    const logs = path.resolve(import.meta.dirname, "../test-results/wrangler")
    const place = yield* WranglerDev.place(`bench-${name}`, logs)
    const { inspectorPort, port, state } = place
    const get = (from: string) => ask(`http://127.0.0.1:${port}${from}`)

    const { start: restart } = yield* WranglerDev.make({
      ...place,
      cwd: path.resolve(import.meta.dirname, "servers", name),
      vars: [`D1_DELAY_MS:${options.d1DelayMs ?? 0}`, `METER:${options.meter === true ? 1 : 0}`],
      answers: get("/bench/meter")
    })
    yield* restart
    const server: BenchServer = {
      name,
      port,
      inspectorPort,
      restart,
      meter: get("/bench/meter").pipe(
        Effect.flatMap(Schema.decode(Schema.parseJson(Meter))),
        Effect.catchTag(
          "ParseError",
          (cause) => new HarnessError({ message: `${name} counts in another way`, cause })
        )
      ),
      createStores: (from, to) => Effect.asVoid(get(`/bench/stores?from=${from}&to=${to}`)),
      write: (count) => Effect.asVoid(get(`/bench/writes?count=${count}`)),
      workerPid: () => findWorker(state)
    }
    return server
  })

/**
 * `wrangler dev` runs two workerds, a proxy and the worker; only the worker's has an inspector. It
 * is a child of the process that was told to persist to this state.
 */
const findWorker = (state: string): number | undefined => {
  try {
    const commands = readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map((pid) => ({ pid, command: read(`/proc/${pid}/cmdline`) }))
    const parents = new Set(
      commands.filter(({ command }) => command.includes(state)).map(({ pid }) => pid)
    )
    const worker = commands.find(
      ({ command, pid }) =>
        command.includes("--inspector-addr")
        && parents.has(/^PPid:\s+(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1] ?? "")
    )
    return worker === undefined ? undefined : Number(worker.pid)
  } catch {
    return undefined
  }
}

/** A process may end while it is looked at. */
const read = (file: string): string => {
  try {
    return readFileSync(file, "utf8")
  } catch {
    return ""
  }
}
