/**
 * A server's frames read by hand: every app carries this code, and runs it once per event. What it reads, and
 * what it refuses, is what `Frame.ServerFrameFromText` reads and refuses; the tests hold both equal.
 *
 * @since 0.1.0
 */
import * as Option from "effect/Option"
import type * as Frame from "./Frame.ts"
import type { LogEvent } from "./LogEvent.ts"
import type * as Message from "./Message.ts"

/**
 * Reads a server's frame; `undefined` if the text is none.
 *
 * @since 0.1.0
 * @category codecs
 */
export const serverFrame = (text: string): Frame.ServerFrame | undefined => {
  try {
    return readFrame(fields(JSON.parse(text)))
  } catch {
    return undefined
  }
}

type Fields = { readonly [key: string]: unknown }

/** Thrown at whatever is not as it should be, and seen by nobody else. */
const no = (): never => {
  throw new TypeError()
}

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const fields = (value: unknown): Fields => (isFields(value) ? value : no())

const list = (value: unknown): ReadonlyArray<unknown> => (Array.isArray(value) ? value : no())

const string = (value: unknown): string => (typeof value === "string" ? value : no())

const number = (value: unknown): number =>
  typeof value === "number" && Number.isFinite(value) ? value : no()

const natural = (value: unknown): number =>
  Number.isSafeInteger(value) && number(value) >= 0 ? number(value) : no()

const matching = (pattern: RegExp, value: unknown): string =>
  pattern.test(string(value)) ? string(value) : no()

const readFrame = (frame: Fields): Frame.ServerFrame => {
  const { _tag } = frame
  if (_tag === "Pong") return { _tag }
  if (_tag === "Defect") return { _tag, defect: frame["defect"] }
  const requestId = matching(/^[0-9]{1,32}$/, frame["requestId"])
  if (_tag === "Exit") return { _tag, requestId, exit: frame["exit"] }
  if (_tag !== "Chunk") return no()
  const [first, ...others] = list(frame["values"])
  const values = [readPage(fields(first)), ...others.map((page) => readPage(fields(page)))] as const
  const { server } = frame
  return server === undefined
    ? { _tag, requestId, values }
    : { _tag, requestId, values, server: readGreeting(fields(server)) }
}

const readGreeting = ({ expiresIn, sparingAcks }: Fields): Frame.Greeting => ({
  expiresIn: expiresIn === undefined ? undefined : number(expiresIn),
  sparingAcks: sparingAcks === undefined || typeof sparingAcks === "boolean" ? sparingAcks : no()
})

const readPage = (page: Fields): Message.PullResponse => ({
  batch: list(page["batch"]).map((event) => readPulledEvent(fields(event))),
  pageInfo: readPageInfo(fields(page["pageInfo"])),
  backendId: matching(/^[A-Za-z0-9_-]{1,64}$/, page["backendId"])
})

const readPageInfo = ({ _tag, remaining }: Fields): Message.PageInfo =>
  _tag === "NoMore" || _tag === "MoreUnknown"
    ? { _tag }
    : _tag === "MoreKnown"
      ? { _tag, remaining: natural(remaining) }
      : no()

const readPulledEvent = (event: Fields): Message.PulledEvent => ({
  eventEncoded: readEvent(fields(event["eventEncoded"])),
  metadata: readMetadata(fields(event["metadata"]))
})

const readMetadata = ({ _tag, value }: Fields): Message.PulledEvent["metadata"] => {
  if (_tag === "None") return Option.none()
  const metadata = fields(value)
  return _tag === "Some" && metadata["_tag"] === "SyncMessage.SyncMetadata"
    ? Option.some({ _tag: metadata["_tag"], createdAt: string(metadata["createdAt"]) })
    : no()
}

const readEvent = (event: Fields): LogEvent => ({
  name: string(event["name"]),
  // An absent key stays absent.
  ...("args" in event && { args: event["args"] }),
  seqNum: natural(event["seqNum"]),
  parentSeqNum: natural(event["parentSeqNum"]),
  clientId: string(event["clientId"]),
  sessionId: string(event["sessionId"])
})
