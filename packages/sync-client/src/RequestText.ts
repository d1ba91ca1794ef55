/**
 * The client's frames as text. Events are turned into JSON once, when a push is split; the tests hold
 * each text equal to what the Schema of the same frame encodes to.
 *
 * @since 0.1.0
 */
import * as Chunking from "@tidelog/sync-protocol/Chunking"
import type * as Frame from "@tidelog/sync-protocol/Frame"
import type * as LogEvent from "@tidelog/sync-protocol/LogEvent"
import type * as Message from "@tidelog/sync-protocol/Message"
import * as RequestTag from "@tidelog/sync-protocol/RequestTag"
import * as Option from "effect/Option"
import { EventTooLarge } from "./SyncClientError.ts"

/**
 * What every request of a client claims, as the inside of a JSON object: the store and the payload
 * that its connection was opened with.
 *
 * @since 0.1.0
 * @category texts
 */
export const claims = (storeId: string, payload: unknown): string => {
  const text = JSON.stringify({ storeId, payload })
  return text.slice(1, -1)
}

const request = (id: Frame.RequestId, tag: string, payload: string): string =>
  `{"_tag":"Request","id":"${id}","tag":"${tag}","payload":{${payload}},"headers":[]}`

const option = (value: Option.Option<string>): string =>
  Option.match(value, {
    onNone: () => `{"_tag":"None"}`,
    onSome: (text) => `{"_tag":"Some","value":${text}}`
  })

/**
 * @since 0.1.0
 * @category texts
 */
export const pull = (
  id: Frame.RequestId,
  claims: string,
  options: { readonly live: boolean; readonly cursor: Option.Option<Message.Cursor> }
): string =>
  request(
    id,
    RequestTag.PULL,
    `${claims},"live":${options.live},"sparing":true,"cursor":${option(Option.map(options.cursor, (_) => JSON.stringify(_)))}`
  )

/**
 * `events`: the JSON of an event each, as `split` makes them.
 *
 * @since 0.1.0
 * @category texts
 */
export const push = (
  id: Frame.RequestId,
  claims: string,
  options: { readonly events: ReadonlyArray<string>; readonly backendId: Option.Option<string> }
): string =>
  request(
    id,
    RequestTag.PUSH,
    `${claims},"batch":[${options.events.join(",")}],"backendId":${option(Option.map(options.backendId, (_) => JSON.stringify(_)))}`
  )

/**
 * `chunks`: how many are taken. Only who says that it understands that is told of more than one.
 *
 * @since 0.1.0
 * @category texts
 */
export const ack = (requestId: Frame.RequestId, chunks = 1): string =>
  `{"_tag":"Ack","requestId":"${requestId}"${chunks > 1 ? `,"chunks":${chunks}` : ""}}`

/**
 * @since 0.1.0
 * @category texts
 */
export const interrupt = (requestId: Frame.RequestId): string =>
  `{"_tag":"Interrupt","requestId":"${requestId}"}`

/**
 * One part of a batch that fits into a frame. `from`: the index of its first event in the batch. `last`: the
 * position of its last event.
 *
 * @since 0.1.0
 * @category models
 */
export interface PushPart {
  readonly events: ReadonlyArray<string>
  readonly from: number
  readonly last: LogEvent.SeqNum
}

/**
 * The most that one push carries.
 *
 * - `maxEvents`, `maxBytes`: beyond them a batch is split. An event larger than `maxBytes` goes alone.
 * - `maxEventBytes`: a larger event fits into no frame.
 *
 * @since 0.1.0
 * @category models
 */
export interface PushLimits {
  readonly maxEvents: number
  readonly maxBytes: number
  readonly maxEventBytes: number
}

/**
 * The limits that servers of this project and the official one keep.
 *
 * @since 0.1.0
 * @category constants
 */
export const pushLimits: PushLimits = {
  maxEvents: 100,
  maxBytes: 900_000,
  maxEventBytes: 1_800_000
}

/**
 * Splits a batch into parts that fit into a frame each, in order, up to the first event that fits into none.
 *
 * @since 0.1.0
 * @category splitting
 */
export const split = (
  batch: ReadonlyArray<LogEvent.LogEvent>,
  limits: PushLimits
): { readonly parts: ReadonlyArray<PushPart>; readonly tooLarge: EventTooLarge | undefined } => {
  const items: Array<{ text: string; bytes: number; seqNum: LogEvent.SeqNum }> = []
  let tooLarge: EventTooLarge | undefined
  for (const event of batch) {
    const text = eventText(event)
    const bytes = Chunking.byteLength(text)
    if (bytes > limits.maxEventBytes) {
      const { name, seqNum } = event
      tooLarge = new EventTooLarge({ name, seqNum, bytes, maxBytes: limits.maxEventBytes })
      break
    }
    items.push({ text, bytes, seqNum: event.seqNum })
  }
  let from = 0
  const parts = Chunking.chunkByBytes(items, {
    maxItems: limits.maxEvents,
    maxBytes: limits.maxBytes,
    sizeOf: ({ bytes }) => bytes + 1
  }).map((run) => {
    const part = {
      events: run.map(({ text }) => text),
      from,
      last: run.reduce((last, { seqNum }) => Math.max(last, seqNum), 0)
    }
    from += run.length
    return part
  })
  return { parts, tooLarge }
}

const eventText = ({
  args,
  clientId,
  name,
  parentSeqNum,
  seqNum,
  sessionId
}: LogEvent.LogEvent): string =>
  JSON.stringify({ name, args, seqNum, parentSeqNum, clientId, sessionId })
