/**
 * The event log in memory: for tests, and for what may be forgotten.
 *
 * @since 0.1.0
 */
import { LogEvent } from "@tidelog/sync-protocol"
import type { FrameText } from "@tidelog/sync-protocol"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { EventLog, HeadMismatch } from "./EventLog.ts"
import type { EventLogService, LogEntry, PageSize } from "./EventLog.ts"
import { toEntry } from "./internal/entry.ts"
import { takePage } from "./internal/page.ts"
import { randomHex } from "./internal/randomHex.ts"

/**
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<EventLogService> = Effect.gen(function* () {
  const backendId = yield* randomHex(32)
  const entries: Array<LogEntry> = []
  const head = () => entries.at(-1)?.seqNum ?? LogEvent.ROOT

  return {
    backendId,
    initialHead: LogEvent.ROOT,
    head: Effect.sync(head),
    append: (batch: ReadonlyArray<FrameText.EventParts>) =>
      Effect.suspend(() => {
        const expected = batch[0]?.parentSeqNum ?? head()
        if (expected !== head()) return Effect.fail(new HeadMismatch({ expected }))
        for (const event of batch) entries.push(toEntry(event))
        return Effect.void
      }),
    read: (after: LogEvent.SeqNum, size: PageSize) =>
      Effect.sync(() => takePage(entries, after, size))
  }
})

/**
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<EventLog> = Layer.effect(EventLog, make)
