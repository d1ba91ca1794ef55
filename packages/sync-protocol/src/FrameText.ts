/**
 * Frames written as text, for the paths that run once per event or once per reader.
 *
 * An event is turned into text once, when it is accepted or read; a page is a join of such texts,
 * and a reader's frame is a page between two short strings. Nothing here is parsed again. The
 * tests hold each text equal to what the Schema of the same thing encodes to.
 *
 * @since 0.1.0
 */
import type { Greeting, RequestId } from "./Frame.ts"
import type { LogEvent, SeqNum } from "./LogEvent.ts"
import type { PageInfo } from "./Message.ts"
import type { BackendId } from "./SyncError.ts"

/**
 * The parts of an event, its arguments already JSON.
 *
 * `args`: the JSON text of the arguments; absent if the event has none. `createdAt`: ISO 8601.
 *
 * @since 0.1.0
 * @category models
 */
export interface EventParts extends Omit<LogEvent, "args"> {
  readonly args: string | undefined
  readonly createdAt: string
}

/**
 * The text of a `PulledEvent`.
 *
 * @since 0.1.0
 * @category texts
 */
export const pulledEvent = (event: EventParts): string =>
  `{"eventEncoded":{"name":${JSON.stringify(event.name)}${
    event.args === undefined ? "" : `,"args":${event.args}`
  },"seqNum":${event.seqNum},"parentSeqNum":${event.parentSeqNum},"clientId":${JSON.stringify(
    event.clientId
  )},"sessionId":${JSON.stringify(event.sessionId)}},"metadata":{"_tag":"Some","value":{"_tag":"SyncMessage.SyncMetadata","createdAt":${JSON.stringify(
    event.createdAt
  )}}}}`

/**
 * The text of a `PullResponse`. `events`: the texts of its `PulledEvent`s, with commas between.
 *
 * @since 0.1.0
 * @category texts
 */
export const pullResponse = (events: string, pageInfo: PageInfo, backendId: BackendId): string =>
  `{"batch":[${events}],"pageInfo":${pageInfoText(pageInfo)},"backendId":"${backendId}"}`

const pageInfoText = (pageInfo: PageInfo): string =>
  pageInfo._tag === "MoreKnown"
    ? `{"_tag":"MoreKnown","remaining":${pageInfo.remaining}}`
    : `{"_tag":"${pageInfo._tag}"}`

/**
 * The text of a `Chunk` frame with one page. `page`: the text of its `PullResponse`.
 *
 * @since 0.1.0
 * @category texts
 */
export const chunk = (requestId: RequestId, page: string): string =>
  `{"_tag":"Chunk","requestId":"${requestId}","values":[${page}]}`

/**
 * The same, of the first chunk of a pull, with what the server says of itself.
 *
 * @since 0.1.0
 * @category texts
 */
export const firstChunk = (requestId: RequestId, page: string, server: Greeting): string =>
  `{"_tag":"Chunk","requestId":"${requestId}","values":[${page}],"server":${JSON.stringify(server)}}`

/**
 * The text of an `Exit` frame. `exit`: what the connection's dialect encoded.
 *
 * @since 0.1.0
 * @category texts
 */
export const exit = (requestId: RequestId, exit: unknown): string =>
  `{"_tag":"Exit","requestId":"${requestId}","exit":${JSON.stringify(exit)}}`

/**
 * How many events a page still leaves behind, in the terms of the wire: LiveStore numbers events
 * by one, so the distance to the head is their count.
 *
 * @since 0.1.0
 * @category texts
 */
export const pageInfoAt = (position: SeqNum, head: SeqNum): PageInfo =>
  position >= head ? { _tag: "NoMore" } : { _tag: "MoreKnown", remaining: head - position }
