/** Frames as a client sends them, and answers as a client reads them. */
import { Frame, Message } from "@tidelog/sync-protocol"
import type { LogEvent } from "@tidelog/sync-protocol"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

const encodeFrame = Schema.encodeSync(Frame.ClientFrameFromText)
const encodePull = Schema.encodeSync(Message.PullRequest)
const encodePush = Schema.encodeSync(Message.PushRequest)

/** The store of every server that a test makes by hand. */
export const STORE_ID = "store"

/** Event `seqNum`, the child of the one before it. */
export const event = (
  seqNum: number,
  options: Partial<LogEvent.LogEvent> = {}
): LogEvent.LogEvent => ({
  name: "todoCreated-v1",
  args: { id: `t${seqNum}` },
  seqNum,
  parentSeqNum: seqNum - 1,
  clientId: "client-a",
  sessionId: "session-a",
  ...options
})

/** Events `from` to `to`, chained. */
export const events = (from: number, to = from, options: Partial<LogEvent.LogEvent> = {}) =>
  Array.from({ length: to - from + 1 }, (_, index) => event(from + index, options))

/** A whole range of positions. */
export const range = (from: number, to: number): ReadonlyArray<number> =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index)

const request = (id: string, tag: string, payload: unknown) =>
  encodeFrame({ _tag: "Request", id, tag, payload, headers: [] })

/** `after`: a cursor, in the log named `backendId`. Without it the pull starts at the root. */
export const pull = (
  id: string,
  options: {
    readonly live?: boolean
    readonly after?: number
    readonly backendId?: string
    readonly createdAt?: string
    readonly sparing?: boolean
  } = {}
) =>
  request(
    id,
    Message.PULL,
    encodePull({
      storeId: STORE_ID,
      live: options.live ?? true,
      ...(options.sparing === true && { sparing: true }),
      cursor: Option.map(Option.fromNullable(options.after), (eventSequenceNumber) => ({
        backendId: options.backendId ?? "",
        eventSequenceNumber,
        createdAt: options.createdAt
      }))
    })
  )

export const push = (
  id: string,
  batch: ReadonlyArray<LogEvent.LogEvent>,
  options: { readonly backendId?: string } = {}
) =>
  request(
    id,
    Message.PUSH,
    encodePush({
      storeId: STORE_ID,
      batch,
      backendId: Option.fromNullable(options.backendId)
    })
  )

/** A request of a kind that no server has. */
export const unknownRequest = (id: string) => request(id, "SyncWsRpc.Nope", {})

/** `chunks`: how many it takes off the window, if not one. */
export const ack = (requestId: string, chunks?: number) =>
  encodeFrame({ _tag: "Ack", requestId, ...(chunks !== undefined && { chunks }) })

export const interrupt = (requestId: string) => encodeFrame({ _tag: "Interrupt", requestId })

/** How a push that was accepted ends. */
export const accepted = { _tag: "Success", value: {} }

/** How a pull that is not live ends. */
export const ended = { _tag: "Success" }

/** How a request ends that was interrupted. */
export const interrupted = {
  _tag: "Failure",
  cause: { _tag: "Interrupt", fiberId: { _tag: "None" } }
}

/** How a request ends with one of the protocol's errors. */
export const failed = (error: object) => ({ _tag: "Failure", cause: { _tag: "Fail", error } })

/** How a request ends that was refused. */
export const refused = (name: string, message?: string) => ({
  _tag: "Failure",
  cause: {
    _tag: "Fail",
    error: {
      _tag: "UnknownError",
      cause: message === undefined ? { name } : { name, message }
    }
  }
})

export const serverAhead = (minimumExpectedNum: number, providedNum: number) =>
  failed({ _tag: "ServerAheadError", minimumExpectedNum, providedNum })
