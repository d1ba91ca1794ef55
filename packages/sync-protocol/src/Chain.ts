/**
 * The chain that orders events, and what makes two of them the same.
 *
 * @since 0.1.0
 */
import type { LogEvent } from "./LogEvent.ts"

/**
 * What is wrong with a batch as a chain.
 *
 * @since 0.1.0
 * @category models
 */
export interface BrokenChain {
  /** Index of the first event that does not continue the chain. */
  readonly index: number
  /** What is wrong with it, in words for the developer who sent it. */
  readonly message: string
}

/**
 * Finds the first event of a batch that breaks the chain: its `seqNum` must exceed its
 * `parentSeqNum`, and its parent must be the event before it. Whether the first parent is the
 * head of the log is the log's own question. `undefined` if the batch is a chain.
 *
 * @since 0.1.0
 * @category chain
 */
export const findBrokenLink = (batch: ReadonlyArray<LogEvent>): BrokenChain | undefined => {
  let previous: LogEvent | undefined
  for (const [index, event] of batch.entries()) {
    if (event.seqNum <= event.parentSeqNum) {
      return {
        index,
        message: `event ${event.seqNum} does not come after its parent ${event.parentSeqNum}`
      }
    }
    if (previous !== undefined && event.parentSeqNum !== previous.seqNum) {
      return {
        index,
        message: `event ${event.seqNum} follows ${previous.seqNum} but names ${event.parentSeqNum} as its parent`
      }
    }
    previous = event
  }
  return undefined
}

/**
 * Whether two events are one and the same: equal positions, origin, name and arguments. Arguments
 * are compared as JSON values, whatever the order of their keys.
 *
 * @since 0.1.0
 * @category chain
 */
export const isSame = (self: LogEvent, that: LogEvent): boolean =>
  self.seqNum === that.seqNum
  && self.parentSeqNum === that.parentSeqNum
  && self.name === that.name
  && self.clientId === that.clientId
  && self.sessionId === that.sessionId
  && isSameJson(self.args, that.args)

/**
 * Whether two JSON values are equal, whatever the order of their keys. Without recursion: whoever
 * pushes an event chooses how deep its arguments go.
 *
 * @since 0.1.0
 * @category chain
 */
export const isSameJson = (self: unknown, that: unknown): boolean => {
  const pairs: Array<readonly [unknown, unknown]> = [[self, that]]
  for (let pair = pairs.pop(); pair !== undefined; pair = pairs.pop()) {
    const [left, right] = pair
    if (left === right) continue
    if (!isContainer(left) || !isContainer(right)) return false
    if (Array.isArray(left) !== Array.isArray(right)) return false
    const entries = Object.entries(left)
    const others = new Map(Object.entries(right))
    if (entries.length !== others.size) return false
    // A key that the other lacks reads as undefined there, which no JSON value is.
    for (const [key, value] of entries) pairs.push([value, others.get(key)])
  }
  return true
}

const isContainer = (value: unknown): value is object => typeof value === "object" && value !== null
