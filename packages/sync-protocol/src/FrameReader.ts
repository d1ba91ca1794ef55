/**
 * Frames and pushes read by hand, for the path that runs once per frame.
 *
 * What has the usual form is checked and copied directly; whatever has not is left to the Schema,
 * whose word is final. The tests hold both equal, also where something is wrong.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import * as Frame from "./Frame.ts"
import type { LogEvent } from "./LogEvent.ts"
import * as Message from "./Message.ts"

const decodeFrameText = Schema.decodeUnknownEither(Frame.ClientFrameFromText)
const decodeFrame = Schema.decodeUnknownEither(Frame.ClientFrame)
const decodePush = Schema.decodeUnknownEither(Message.PushRequest)

/**
 * Reads a client's frame.
 *
 * @since 0.1.0
 * @category codecs
 */
export const clientFrame = (
  text: string
): Either.Either<Frame.ClientFrame, ParseResult.ParseError> => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return decodeFrameText(text)
  }
  const frame = isObject(value) ? usualFrame(value) : undefined
  return frame === undefined ? decodeFrame(value) : Either.right(frame)
}

/**
 * Reads the payload of a push.
 *
 * @since 0.1.0
 * @category codecs
 */
export const pushRequest = (
  payload: unknown
): Either.Either<Message.PushRequest, ParseResult.ParseError> => {
  const request = isObject(payload) ? usualPush(payload) : undefined
  return request === undefined ? decodePush(payload) : Either.right(request)
}

type Fields = { readonly [key: string]: unknown }

const isObject = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const isRequestId = (value: unknown): value is Frame.RequestId =>
  typeof value === "string" && /^[0-9]{1,32}$/.test(value)

const usualFrame = (frame: Fields): Frame.ClientFrame | undefined => {
  switch (frame["_tag"]) {
    case "Request": {
      const { headers, id, payload, tag } = frame
      const usual =
        isRequestId(id)
        && typeof tag === "string"
        && "payload" in frame
        && (headers === undefined || (Array.isArray(headers) && headers.length === 0))
        && !("traceId" in frame)
        && !("spanId" in frame)
        && !("sampled" in frame)
      if (!usual) return undefined
      return headers === undefined
        ? { _tag: "Request", id, tag, payload }
        : { _tag: "Request", id, tag, payload, headers: [] }
    }
    case "Ack":
      return isRequestId(frame["requestId"]) && !("chunks" in frame)
        ? { _tag: "Ack", requestId: frame["requestId"] }
        : undefined
    default:
      return undefined
  }
}

const usualPush = (payload: Fields): Message.PushRequest | undefined => {
  const { batch, storeId } = payload
  const backendId = isObject(payload["backendId"]) ? usualOption(payload["backendId"]) : undefined
  if (typeof storeId !== "string" || backendId === undefined || !Array.isArray(batch)) {
    return undefined
  }
  const events: Array<LogEvent> = []
  for (const item of batch) {
    const event = isObject(item) ? usualEvent(item) : undefined
    if (event === undefined) return undefined
    events.push(event)
  }
  return "payload" in payload
    ? { storeId, payload: payload["payload"], batch: events, backendId }
    : { storeId, batch: events, backendId }
}

const usualOption = (option: Fields): Option.Option<string> | undefined => {
  if (option["_tag"] === "None") return Option.none()
  return option["_tag"] === "Some" && typeof option["value"] === "string"
    ? Option.some(option["value"])
    : undefined
}

const isSeqNum = (value: unknown): value is number =>
  Number.isSafeInteger(value) && Number(value) >= 0

const usualEvent = (event: Fields): LogEvent | undefined => {
  const { clientId, name, parentSeqNum, seqNum, sessionId } = event
  if (
    typeof name !== "string"
    || !isSeqNum(seqNum)
    || !isSeqNum(parentSeqNum)
    || typeof clientId !== "string"
    || typeof sessionId !== "string"
  ) {
    return undefined
  }
  return "args" in event
    ? { name, args: event["args"], seqNum, parentSeqNum, clientId, sessionId }
    : { name, seqNum, parentSeqNum, clientId, sessionId }
}
