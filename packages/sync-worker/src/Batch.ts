/**
 * What a batch of events must be to be stored, and its form as it is stored.
 *
 * @since 0.1.0
 */
import { Chunking, LogEvent, Refusal } from "@tidelog/sync-protocol"
import type { FrameText, Limits } from "@tidelog/sync-protocol"
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Either from "effect/Either"
import { isDeeperThan } from "./internal/depth.ts"

/**
 * Events of one push: at least one.
 *
 * @since 0.1.0
 * @category models
 */
export type Batch = NonEmptyReadonlyArray<LogEvent.LogEvent>

/**
 * Whether there is anything to store.
 *
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

/** The JSON of an event's arguments. Not if they are too deep. */
const toText = (args: unknown): string | undefined | TooDeep => {
  if (args === undefined) return undefined
  try {
    const text = JSON.stringify(args)
    // Each level takes a bracket at each end, so a shorter text cannot be too deep.
    return text.length > 2 * MAX_DEPTH && isDeeperThan(args, MAX_DEPTH) ? tooDeep : text
  } catch {
    // The engine recurses as well.
    return tooDeep
  }
}

const tooDeep = Symbol("too deep")

type TooDeep = typeof tooDeep

/** A SQLite text is UTF-8 without a NUL. Arguments are JSON, which escapes both. */
const isName = (text: string): boolean =>
  text.length <= MAX_NAME && text.isWellFormed() && !text.includes("\0")

const refusal = (name: Refusal.RefusalName, message: string) =>
  new Refusal.Refusal({ name, message })

/** Bytes of an event's name and arguments. Counted only where the length leaves it open. */
const isLargerThan = (limit: number, name: string, args: string | undefined): boolean => {
  const length = name.length + (args?.length ?? 0)
  if (length * 3 <= limit) return false
  return length > limit || Chunking.byteLength(name) + Chunking.byteLength(args ?? "") > limit
}

/** An event as it is stored, or why it cannot be. */
const toPart = (
  event: LogEvent.LogEvent,
  maxBytes: number,
  createdAt: string
): FrameText.EventParts | Refusal.Refusal => {
  const { clientId, name, parentSeqNum, seqNum, sessionId } = event
  if (!isName(name) || !isName(clientId) || !isName(sessionId)) {
    return refusal(
      "InvalidBatch",
      `event ${seqNum} has a name or an id that is no valid text, or is longer than ${MAX_NAME} characters`
    )
  }
  const args = toText(event.args)
  if (args === tooDeep) {
    return refusal("InvalidBatch", `event ${seqNum} is nested deeper than ${MAX_DEPTH} levels`)
  }
  if (isLargerThan(maxBytes, name, args)) {
    return refusal(
      "EventTooLarge",
      `event ${seqNum} (${name.slice(0, 100)}) is larger than ${maxBytes} bytes`
    )
  }
  return { name, args, seqNum, parentSeqNum, clientId, sessionId, createdAt }
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
): Either.Either<NonEmptyReadonlyArray<FrameText.EventParts>, Refusal.Refusal> => {
  if (batch.length > limits.maxBatchEvents) {
    return Either.left(
      refusal(
        "BatchTooLarge",
        `the push has ${batch.length} events; at most ${limits.maxBatchEvents} are taken at once`
      )
    )
  }
  const broken = LogEvent.findBrokenLink(batch)
  if (broken !== undefined) return Either.left(refusal("InvalidBatch", broken.message))
  const parts: Array<FrameText.EventParts> = []
  for (const [index, event] of batch.entries()) {
    const part = toPart(event, limits.maxEventBytes, createdAt(index))
    if ("_tag" in part) return Either.left(part)
    parts.push(part)
  }
  return isNonEmpty(parts)
    ? Either.right(parts)
    : Either.left(refusal("InvalidBatch", "the batch is empty"))
}
