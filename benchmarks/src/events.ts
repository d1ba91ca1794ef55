/**
 * The events that are pushed: a todo of LiveStore's example app, about 170 bytes on the wire.
 */
import { WrongResult } from "./WrongResult.ts"

export interface BenchEvent {
  readonly name: string
  readonly args: { readonly id: string; readonly text: string }
  readonly seqNum: number
  readonly parentSeqNum: number
  readonly clientId: string
  readonly sessionId: string
}

/** Event `seqNum` of every log: what comes back is compared with it. */
export const eventAt = (seqNum: number): BenchEvent => ({
  name: "v1.TodoCreated",
  args: { id: `todo-${seqNum}`, text: `Buy ${seqNum} apples, and a "pear"` },
  seqNum,
  parentSeqNum: seqNum - 1,
  clientId: "client-a",
  sessionId: "session-a"
})

/** Events `from` to `to`. */
export const eventsFrom = (from: number, to: number): ReadonlyArray<BenchEvent> =>
  Array.from({ length: to - from + 1 }, (_, index) => eventAt(from + index))

interface ChunkFrame {
  readonly values: ReadonlyArray<{
    readonly batch: ReadonlyArray<{ readonly eventEncoded: BenchEvent }>
  }>
}

/**
 * Holds what a pull was sent to what was pushed: every event from `from` to `to`, once, in order,
 * and unchanged. Without `to` it may end anywhere. Returns the last. Parsing is left to here, after
 * the clock has stopped.
 */
export const checkChunks = (
  what: string,
  chunks: ReadonlyArray<Buffer>,
  from: number,
  to?: number
): number => {
  let next = from
  for (const chunk of chunks) {
    const frame: ChunkFrame = JSON.parse(chunk.toString())
    for (const { batch } of frame.values) {
      for (const { eventEncoded } of batch) {
        checkEvent(what, eventEncoded, next)
        next += 1
      }
    }
  }
  if (to !== undefined && next !== to + 1) {
    throw new WrongResult({ message: `${what}: the last event is ${next - 1}, not ${to}` })
  }
  return next - 1
}

const checkEvent = (what: string, found: BenchEvent, seqNum: number) => {
  if (found.seqNum !== seqNum || found.parentSeqNum !== seqNum - 1) {
    throw new WrongResult({
      message: `${what}: event ${found.seqNum} after ${found.parentSeqNum} stands where ${seqNum} belongs`
    })
  }
  const expected = eventAt(seqNum)
  if (
    found.args.id !== expected.args.id
    || found.args.text !== expected.args.text
    || found.name !== expected.name
    || found.clientId !== expected.clientId
    || found.sessionId !== expected.sessionId
  ) {
    throw new WrongResult({ message: `${what}: event ${seqNum} came back changed` })
  }
}
