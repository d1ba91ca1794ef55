import { Message } from "@tidelog/sync-protocol"
import type { FrameText } from "@tidelog/sync-protocol"
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as FastCheck from "effect/FastCheck"
import * as Schema from "effect/Schema"
import type { LogEntry } from "../../EventLog.ts"

export const CREATED_AT = "2026-01-02T03:04:05.678Z"

/** One page that holds everything. */
export const ALL = { maxEvents: 100_000, maxBytes: Number.MAX_SAFE_INTEGER }

export const event = (seqNum: number, options: Partial<FrameText.EventParts> = {}) => ({
  name: "todoCreated-v1",
  args: `{"id":"t${seqNum}"}`,
  seqNum,
  parentSeqNum: seqNum - 1,
  clientId: "client-a",
  sessionId: "session-a",
  createdAt: CREATED_AT,
  ...options
})

/** Events `from` to `to`, chained. */
export const events = (
  from: number,
  to: number,
  options: Partial<FrameText.EventParts> = {}
): NonEmptyReadonlyArray<FrameText.EventParts> => [
  event(from, options),
  ...Array.from({ length: to - from }, (_, index) => event(from + 1 + index, options))
]

/** Any text that SQLite keeps: UTF-8 without a NUL (SPEC: PUSH-6). */
export const storable = FastCheck.oneof(
  FastCheck.fullUnicodeString({ maxLength: 20 }),
  FastCheck.array(FastCheck.integer({ min: 1, max: 0x9f }), { maxLength: 20 }).map((codes) =>
    String.fromCharCode(...codes)
  )
).map((text) => text.replaceAll("\0", ""))

export const toJson = (value: unknown): string => JSON.stringify(value)

type Step = Partial<FrameText.EventParts> & { readonly step: number }

/** Events whose numbers leap by their steps. */
export const chain = (
  { step, ...first }: Step,
  rest: ReadonlyArray<Step>
): NonEmptyReadonlyArray<FrameText.EventParts> => {
  let head = step
  return [
    event(head, { ...first, parentSeqNum: 0 }),
    ...rest.map(({ step, ...parts }) => {
      const parentSeqNum = head
      head += step
      return event(head, { ...parts, parentSeqNum })
    })
  ]
}

export const seqNums = (entries: ReadonlyArray<LogEntry>) => entries.map((entry) => entry.seqNum)

export const decode = Schema.decodeUnknown(Schema.parseJson(Message.PulledEvent))
