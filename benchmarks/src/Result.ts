/**
 * What a run leaves behind. A later run is compared with it, so its shape only grows.
 */
import * as Schema from "effect/Schema"

export const ServerName = Schema.Literal("official", "tidelog", "bare")

/** One server on one line: a score per round, what they come to, and how they spread. */
export const Score = Schema.Struct({
  rounds: Schema.Array(Schema.Number),
  median: Schema.Number,
  min: Schema.Number,
  max: Schema.Number,
  /** Milliseconds of one operation, over all rounds. */
  p50Ms: Schema.Number,
  p99Ms: Schema.Number
})

export const Line = Schema.Struct({
  id: Schema.String,
  title: Schema.String,
  unit: Schema.Literal("ms", "events/s"),
  goal: Schema.Number,
  servers: Schema.Struct({
    official: Schema.optional(Score),
    tidelog: Schema.optional(Score),
    bare: Schema.optional(Score)
  }),
  /** How many times faster than the official server. */
  ratio: Schema.Struct({
    tidelog: Schema.optional(Schema.Number),
    bare: Schema.optional(Schema.Number)
  }),
  /** Ours as a share of the bare object's speed. */
  ofBare: Schema.optional(Schema.Number)
})

/** What a million events cost in one way of using a server. */
export const Cost = Schema.Struct({
  server: ServerName,
  use: Schema.String,
  /** Frames that the object is sent, per event. */
  framesInPerEvent: Schema.Number,
  bytesUpPerEvent: Schema.Number,
  bytesDownPerEvent: Schema.Number,
  rowsWrittenPerEvent: Schema.Number,
  rowsReadPerEvent: Schema.Number,
  d1CallsPerEvent: Schema.Number,
  /** Of a million events. */
  requestsBilled: Schema.Number,
  rowsWrittenBilled: Schema.Number,
  dollars: Schema.Number
})

/** Bytes that one more connection costs. `undefined` where it cannot be told. */
export const Memory = Schema.Struct({
  server: ServerName,
  sockets: Schema.Number,
  heapPerIdleSocket: Schema.Number,
  heapPerSubscription: Schema.Number,
  rssPerIdleSocket: Schema.optional(Schema.Number),
  rssPerSubscription: Schema.optional(Schema.Number),
  /** Heap that a subscription still has after the objects had time to hibernate. */
  heapPerSubscriptionAsleep: Schema.Number
})

export const Machine = Schema.Struct({
  cpu: Schema.String,
  cores: Schema.Number,
  memoryGb: Schema.Number,
  os: Schema.String,
  /** The machine's load before the run: above its cores it was busy with something else. */
  load: Schema.Number
})

export const Result = Schema.Struct({
  version: Schema.Literal(1),
  startedAt: Schema.String,
  commit: Schema.String,
  sizes: Schema.Record({ key: Schema.String, value: Schema.Number }),
  machine: Machine,
  versions: Schema.Record({ key: Schema.String, value: Schema.String }),
  lines: Schema.Array(Line),
  costs: Schema.Array(Cost),
  memory: Schema.Array(Memory)
})

export type Score = typeof Score.Type
export type Line = typeof Line.Type
export type Cost = typeof Cost.Type
export type Memory = typeof Memory.Type
export type Result = typeof Result.Type

export const ResultFromText = Schema.parseJson(Result, { space: 2 })
