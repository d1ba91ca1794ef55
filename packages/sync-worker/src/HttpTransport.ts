/**
 * The HTTP transport, as the object serves it: one request a POST, and its frames as a JSON array that is
 * written as it is read.
 *
 * @since 0.1.0
 */
import {
  Dialect,
  FrameReader,
  FrameText,
  Handshake,
  HttpMessage,
  Message,
  Refusal,
  SyncError
} from "@tidelog/sync-protocol"
import type { Frame, Limits } from "@tidelog/sync-protocol"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type { Session } from "./Connection.ts"
import * as Exchange from "./Exchange.ts"
import * as AnswerStream from "./internal/answerStream.ts"
import * as Backlog from "./internal/backlog.ts"
import { isTooBig } from "./internal/frame.ts"
import { findFull } from "./internal/liveServer.ts"
import type { LiveServer, StartFailed } from "./internal/liveServer.ts"
import { annotateOwner, ownerOf } from "./internal/owner.ts"
import * as Refusals from "./internal/refusals.ts"
import { describeRates, eventsOf } from "./SenderRates.ts"
import type { SenderRates } from "./SenderRates.ts"

/**
 * What the object has for those who come without a socket.
 *
 * @since 0.1.0
 * @category models
 */
export interface Host {
  /** The server of the store, started if need be; a new one where the log was replaced. */
  readonly activate: Effect.Effect<LiveServer, StartFailed>
  readonly rates: SenderRates
  /** Of the frames that wait for the server to start. */
  readonly backlog: Backlog.Backlog
}

/** Seconds after which a client may try again. */
const RETRY_AFTER = "5"

const JSON_HEADERS = { "content-type": "application/json" }

/** Of the wire: LiveStore 0.4.0's. */
const dialect = Dialect.effect3

/** The frames of an answer that is there as a whole. */
const answerWith = (
  frames: ReadonlyArray<string>,
  status = 200,
  headers: Readonly<Record<string, string>> = {}
) => new Response(`[${frames.join(",")}]`, { status, headers: { ...JSON_HEADERS, ...headers } })

const exitText = ({ id }: Frame.Request, exit: Dialect.RequestExit) =>
  FrameText.exit(id, dialect.encode(exit))

/** Refuses a request in its own terms, and says so in the log (SPEC: REFUSE-4). */
const refuse = (
  frame: Frame.Request,
  session: Session,
  refusal: Refusal.Refusal,
  status = 200,
  headers: Readonly<Record<string, string>> = {}
): Effect.Effect<Response> =>
  Effect.logWarning("request refused").pipe(
    Effect.annotateLogs({
      requestId: frame.id,
      refusal: refusal.name,
      reason: refusal.message,
      ...ownerOf(session)
    }),
    Effect.map(() =>
      answerWith([exitText(frame, Exit.fail(Refusal.toUnknownError(refusal)))], status, headers)
    )
  )

const isBackendId = Schema.is(SyncError.BackendId)

const decodePull = Schema.decodeUnknownEither(HttpMessage.PullRequest)

/** The log that a pull's cursor is of. */
const backendIdOf = ({ payload }: Frame.Request): SyncError.BackendId | undefined => {
  const pull = decodePull(payload)
  if (Either.isLeft(pull) || pull.right.cursor._tag === "None") return undefined
  const { backendId } = pull.right.cursor.value
  return isBackendId(backendId) ? backendId : undefined
}

/**
 * The answer where the store cannot serve a request just now. LiveStore never pulls again after a pull that
 * failed; so a pull is told that there may be more, and nothing of it, which it asks for again.
 *
 * `backendId`: that of the log, if it is known.
 */
const postpone = (
  frame: Frame.Request,
  session: Session,
  reason: string,
  backendId?: SyncError.BackendId
): Effect.Effect<Response> => {
  const known = frame.tag === HttpMessage.PULL ? (backendIdOf(frame) ?? backendId) : undefined
  return known === undefined
    ? refuse(
        frame,
        session,
        new Refusal.Refusal({ name: "StorageUnavailable", message: reason }),
        503,
        { "retry-after": RETRY_AFTER }
      )
    : Effect.logWarning("request put off").pipe(
        Effect.annotateLogs({ requestId: frame.id, reason, ...ownerOf(session) }),
        Effect.map(() =>
          answerWith([
            FrameText.chunk(frame.id, FrameText.pullResponse("", { _tag: "MoreUnknown" }, known)),
            exitText(frame, Exit.void)
          ])
        )
      )
}

/** A request as the server knows it. */
const toServer = (frame: Frame.Request): Frame.Request | undefined => {
  const { payload, tag } = frame
  switch (tag) {
    case HttpMessage.PULL:
      return {
        ...frame,
        tag: Message.PULL,
        payload: Predicate.isRecord(payload) ? { ...payload, live: false } : payload
      }
    case HttpMessage.PUSH:
      return { ...frame, tag: Message.PUSH }
    default:
      return undefined
  }
}

/** Who sends a request: whoever the app says it is, or else where it comes from. */
const senderOf = (request: Request, { identity }: Session): string =>
  identity === undefined || identity === null
    ? `ip ${request.headers.get("cf-connecting-ip") ?? ""}`
    : `id ${JSON.stringify(identity)}`

/** The pages of a pull as they are read, the first of which has been. */
const stream = (
  live: LiveServer,
  frame: Frame.Request,
  exchange: Exchange.Exchange,
  first: string
) => {
  const encoder = new TextEncoder()
  const write = (text: string, isLast: boolean) => ({ bytes: encoder.encode(text), isLast })
  const rest = Effect.map(exchange.next, (part) =>
    part._tag === "Chunk"
      ? write(`,${part.text}`, false)
      : // Where it breaks off, the page before says that there is more: its reader asks for that.
        write(`,${part._tag === "Exit" ? part.text : exitText(frame, Exit.void)}]`, true)
  )
  let next = Effect.sync(() => {
    next = rest
    return write(`[${first}`, false)
  })
  return new Response(
    AnswerStream.make(live.runtime, { next: Effect.suspend(() => next), leave: exchange.leave }),
    { headers: JSON_HEADERS }
  )
}

/** HTTP's word for a connection that the server has closed, where it is not one of those that pass. */
const FINAL = new Map<number, number>([
  [Handshake.CloseCode.unauthorized, 401],
  [Handshake.CloseCode.gone, 410]
])

const pong: HttpMessage.Pong = { _tag: "SyncMessage.Pong" }

/**
 * Answers a request of a session. `text`: what was sent.
 *
 * @since 0.1.0
 * @category operations
 */
export const answer = (
  host: Host,
  request: Request,
  session: Session,
  text: string
): Effect.Effect<Response> => {
  const refuseHttp = (status: number, reason: string) =>
    annotateOwner(session)(Refusals.answerHttp(request, { status, reason }))

  /** `known`: the request as the server knows it. `isAgain`: whether it was with a log that is no more. */
  const ask = (
    frame: Frame.Request,
    known: Frame.Request,
    isAgain: boolean
  ): Effect.Effect<Response> =>
    Effect.suspend(() => {
      if (!host.backlog.admit(text.length)) return postpone(frame, session, Backlog.FULL)
      return host.activate.pipe(
        Effect.ensuring(Effect.sync(() => host.backlog.release(text.length))),
        Effect.matchEffect({
          onFailure: ({ reason }) => postpone(frame, session, reason),
          onSuccess: (live) => Effect.provide(serve(live, frame, known, isAgain), live.runtime)
        })
      )
    })

  const serve = Effect.fnUntraced(function* (
    live: LiveServer,
    frame: Frame.Request,
    known: Frame.Request,
    isAgain: boolean
  ): Effect.fn.Return<Response> {
    const { server } = live
    const { backendId } = server.admin
    const { limits } = server
    if (isTooBig(text, limits.maxFrameBytes)) {
      return yield* refuseHttp(413, `a request may have ${limits.maxFrameBytes} bytes`)
    }
    const full = findFull(live)
    if (full !== undefined) return yield* postpone(frame, session, full, backendId)
    const now = yield* Clock.currentTimeMillis
    const events = eventsOf(frame, HttpMessage.PUSH)
    if (!isAgain && !host.rates.take(senderOf(request, session), events, limits, now)) {
      return yield* tooFast(frame, session, limits, backendId)
    }
    const exchange = yield* Exchange.open(server, session, known, text.length)
    const first = yield* exchange.next
    switch (first._tag) {
      case "Chunk":
        return stream(live, frame, exchange, first.text)
      case "Exit":
        return answerWith([first.text])
      case "Closed": {
        const { code, reason } = first
        if (code === Handshake.CloseCode.serviceRestart && !isAgain) {
          return yield* ask(frame, known, true)
        }
        const status = FINAL.get(code)
        return yield* status === undefined
          ? postpone(frame, session, reason, backendId)
          : refuseHttp(status, reason)
      }
    }
  })

  const decoded = FrameReader.clientFrame(text)
  if (Either.isLeft(decoded) || decoded.right._tag !== "Request") {
    return refuseHttp(400, "not a request of this protocol")
  }
  const frame = decoded.right
  // It asks for nothing of the store.
  if (frame.tag === HttpMessage.PING) {
    return Effect.sync(() => answerWith([exitText(frame, Exit.succeed(pong))]))
  }
  const known = toServer(frame)
  if (known !== undefined) return ask(frame, known, false)
  const message = `this server has no request ${frame.tag.slice(0, 64)} over HTTP`
  return refuse(frame, session, new Refusal.Refusal({ name: "UnknownRequest", message }))
}

const tooFast = (
  frame: Frame.Request,
  session: Session,
  limits: Limits.LimitsService,
  backendId: SyncError.BackendId
): Effect.Effect<Response> => {
  const message = describeRates(limits)
  return frame.tag === HttpMessage.PULL
    ? postpone(frame, session, message, backendId)
    : refuse(frame, session, new Refusal.Refusal({ name: "RateLimited", message }), 429, {
        "retry-after": RETRY_AFTER
      })
}
