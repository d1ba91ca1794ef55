/**
 * What a batch of events must be to be stored, and its form as it is stored.
 *
 * @since 0.1.0
 */
import { Chunking, LogEvent, Refusal } from "@tidelog/sync-protocol"
import type { FrameText, Limits } from "@tidelog/sync-protocol"
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Effect from "effect/Effect"
import { isDeeperThan } from "./internal/depth.ts"

/**
 * @since 0.1.0
 * @category models
 */
export type Batch = NonEmptyReadonlyArray<LogEvent.LogEvent>

/**
 * @since 0.1.0
 * @category predicates
 */
export const isNonEmpty = <A>(items: ReadonlyArray<A>): items is NonEmptyReadonlyArray<A> =>
  items.length > 0

/** Characters of an event's name, and of the ids of its client and session. */
const MAX_NAME = 256

/**
 * Levels of an event's arguments. What is stored is read by every client, and some of the code on
 * its way recurses. As deep as SQLite's own JSON functions go.
 */
const MAX_DEPTH = 1_000

/** A SQLite text is UTF-8 without a NUL. Arguments are JSON, which escapes both. */
const isName = (text: string): boolean =>
  text.length <= MAX_NAME && text.isWellFormed() && !text.includes("\0")

const refusal = (name: Refusal.RefusalName, message: string) =>
  new Refusal.Refusal({ name, message })

/** Why a batch cannot be stored, as far as that shows before it is text. */
const findFault = (batch: Batch, limits: Limits.LimitsService): Refusal.Refusal | undefined => {
  if (batch.length > limits.maxBatchEvents) {
    return refusal(
      "BatchTooLarge",
      `the push has ${batch.length} events; at most ${limits.maxBatchEvents} are taken at once`
    )
  }
  const broken = LogEvent.findBrokenLink(batch)
  if (broken !== undefined) return refusal("InvalidBatch", broken.message)
  for (const { args, clientId, name, seqNum, sessionId } of batch) {
    if (!isName(name) || !isName(clientId) || !isName(sessionId)) {
      return refusal(
        "InvalidBatch",
        `event ${seqNum} has a name or an id that is no valid text, or is longer than ${MAX_NAME} characters`
      )
    }
    if (isDeeperThan(args, MAX_DEPTH)) {
      return refusal("InvalidBatch", `event ${seqNum} is nested deeper than ${MAX_DEPTH} levels`)
    }
  }
  return undefined
}

/** Bytes of an event's name and arguments. Counted only where the length leaves it open. */
const sizeOf = (part: FrameText.EventParts, limit: number): number => {
  const length = part.name.length + (part.args?.length ?? 0)
  return length * 3 <= limit
    ? length
    : Chunking.byteLength(part.name) + Chunking.byteLength(part.args ?? "")
}

/**
 * Checks a batch (SPEC: PUSH-6, REFUSE-3), and turns each event's arguments into text: once, and
 * they are not read again.
 *
 * `createdAt`: when an event was accepted, in ISO 8601, by its index.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toParts = (
  batch: Batch,
  limits: Limits.LimitsService,
  createdAt: (index: number) => string
): Effect.Effect<NonEmptyReadonlyArray<FrameText.EventParts>, Refusal.Refusal> =>
  Effect.suspend(() => {
    const fault = findFault(batch, limits)
    if (fault !== undefined) return Effect.fail(fault)
    const toPart = (event: LogEvent.LogEvent, index: number): FrameText.EventParts => ({
      ...event,
      args: event.args === undefined ? undefined : JSON.stringify(event.args),
      createdAt: createdAt(index)
    })
    const [first, ...rest] = batch
    const parts: NonEmptyReadonlyArray<FrameText.EventParts> = [
      toPart(first, 0),
      ...rest.map((event, index) => toPart(event, index + 1))
    ]
    const tooLarge = parts.find((part) => sizeOf(part, limits.maxEventBytes) > limits.maxEventBytes)
    return tooLarge === undefined
      ? Effect.succeed(parts)
      : Effect.fail(
          refusal(
            "EventTooLarge",
            `event ${tooLarge.seqNum} (${tooLarge.name.slice(0, 100)}) is larger than ${limits.maxEventBytes} bytes`
          )
        )
  })
