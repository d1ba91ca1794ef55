/**
 * A log that can be made to fail or to wait, around one that works. The tests of the server see
 * through it what was really stored.
 */
import type { FrameText, LogEvent } from "@tidelog/sync-protocol"
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { EventLog, StorageError } from "../../src/EventLog.ts"
import type { EventLogService, ReadError } from "../../src/EventLog.ts"
import * as EventLogMemory from "../../src/EventLogMemory.ts"

export type Operation = "head" | "append" | "read" | "createdAt"

/** What happens to one call: with the call itself as `run`. */
export type Around = <A, E>(run: Effect.Effect<A, E>) => Effect.Effect<A, E | StorageError>

export interface TestLogService {
  /** The log behind, as another writer of the same store sees it. */
  readonly behind: EventLogService
  /** The calls that the server made so far, in order. */
  readonly calls: Array<Operation>
  /** Makes something of the next call of an operation, of the one after it, and so on. */
  readonly next: (operation: Operation, ...arounds: ReadonlyArray<Around>) => void
  /** What was planned for calls that were not made is forgotten. */
  readonly reset: () => void
  /** Appends past the server. */
  readonly appendBehind: (batch: ReadonlyArray<LogEvent.LogEvent>) => Effect.Effect<void, Error>
  /** Restores a backup past the server: the events after a position are gone. */
  readonly cutBehind: (last: LogEvent.SeqNum) => void
  /** The positions of all stored events. */
  readonly stored: Effect.Effect<ReadonlyArray<number>, ReadError>
}

export class TestLog extends Context.Tag("test/TestLog")<TestLog, TestLogService>() {}

const broken = (operation: string) =>
  new StorageError({ operation, cause: new Error(`no such table: secret_${operation}`) })

/** The call does not reach the storage. */
export const failBefore: Around = () => broken("try")

/** The call does its work, and its answer is lost. */
export const failAfter: Around = (run) => Effect.zipRight(run, broken("answer"))

/** Something that a call waits for, and that a test sees it wait for. */
export interface Gate {
  /** Ends when somebody waits. */
  readonly reached: Effect.Effect<void>
  readonly open: Effect.Effect<void>
  readonly pass: Effect.Effect<void>
}

export const makeGate: Effect.Effect<Gate> = Effect.gen(function* () {
  const reached = yield* Effect.makeLatch()
  const opened = yield* Effect.makeLatch()
  return {
    reached: reached.await,
    open: Effect.asVoid(opened.open),
    pass: Effect.zipRight(reached.open, opened.await)
  }
})

/** The call waits before it reaches the storage. */
export const waitBefore =
  (gate: Gate): Around =>
  (run) =>
    Effect.zipRight(gate.pass, run)

/** The call does its work, and its answer takes its time. */
export const waitAfter =
  (gate: Gate): Around =>
  (run) =>
    Effect.zipLeft(run, gate.pass)

const toParts = ({ args, ...rest }: LogEvent.LogEvent): FrameText.EventParts => ({
  ...rest,
  args: args === undefined ? undefined : JSON.stringify(args),
  createdAt: "2026-01-02T03:04:05.678Z"
})

const isNonEmpty = <A>(items: ReadonlyArray<A>): items is NonEmptyReadonlyArray<A> =>
  items.length > 0

const ALL = { maxEvents: Number.MAX_SAFE_INTEGER, maxBytes: Number.MAX_SAFE_INTEGER }

const STORE = "memory"

const make = (
  behind: EventLogService,
  database: EventLogMemory.Database
): TestLogService & { readonly log: EventLogService } => {
  const calls: Array<Operation> = []
  const queues = new Map<Operation, Array<Around>>()
  const through = <A, E>(operation: Operation, run: Effect.Effect<A, E>) =>
    Effect.suspend((): Effect.Effect<A, E | StorageError> => {
      calls.push(operation)
      const around = queues.get(operation)?.shift()
      return around === undefined ? run : around(run)
    })
  return {
    behind,
    calls,
    next: (operation, ...arounds) => {
      queues.set(operation, [...(queues.get(operation) ?? []), ...arounds])
    },
    reset: () => queues.clear(),
    appendBehind: (batch) => {
      const parts = batch.map(toParts)
      return isNonEmpty(parts) ? behind.append(parts) : Effect.void
    },
    cutBehind: (last) => {
      const { entries = [], events = [] } = database.get(STORE) ?? {}
      const kept = events.filter(({ seqNum }) => seqNum <= last).length
      events.splice(kept)
      entries.splice(kept)
    },
    stored: Effect.map(behind.read(0, ALL), (entries) => entries.map(({ seqNum }) => seqNum)),
    log: {
      ...behind,
      head: through("head", behind.head),
      append: (batch) => through("append", behind.append(batch)),
      read: (after, size) => through("read", behind.read(after, size)),
      readPage: (after, size) => through("read", behind.readPage(after, size)),
      createdAt: (seqNum) => through("createdAt", behind.createdAt(seqNum))
    }
  }
}

/** The log in memory, with a hand on it. */
export const layer: Layer.Layer<TestLog | EventLog> = Layer.unwrapEffect(
  Effect.gen(function* () {
    const database = EventLogMemory.makeDatabase()
    const behind = yield* EventLogMemory.makeIn(database, STORE)
    const { log, ...control } = make(behind, database)
    return Layer.merge(Layer.succeed(EventLog, log), Layer.succeed(TestLog, control))
  })
)
