/**
 * The Durable Object RPC transport: calls of other objects of the app, answered by the server of the store.
 *
 * @since 0.1.0
 */
import {
  DoRpcMessage,
  Frame,
  FrameReader,
  Handshake,
  LogEvent,
  Message
} from "@tidelog/sync-protocol"
import type { Refusal, SyncError } from "@tidelog/sync-protocol"
import * as DoRpcCodec from "@tidelog/sync-protocol/DoRpcCodec"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type { DoRpcHost, DoRpcServer, DoRpcTransport } from "../DoRpcTransport.ts"
import * as Exchange from "../Exchange.ts"
import * as AnswerStream from "../internal/answerStream.ts"
import { isTooBig } from "../internal/frame.ts"
import type { LiveServer } from "../internal/liveServer.ts"
import { randomHex } from "../internal/randomHex.ts"
import { describeRates, eventsOf } from "../SenderRates.ts"
import * as Admission from "./Admission.ts"
import { exitFrame, refuse, refused } from "./Answer.ts"
import * as Subscriptions from "./Subscriptions.ts"

/**
 * What is told of the transport.
 *
 * - `callers`: the names of the bindings whose objects may subscribe to live events. The store's object calls
 *   them back through these, so its own worker has to have them. No others may.
 * - `validateCaller`: who may call, asked at each call: as `validatePayload`, of the payload (LiveStore's side
 *   sends none) and of the object that wants to be called back, if it is a pull that wants that. Only an app's own
 *   code can reach the object, so without it every caller may.
 *
 * @since 0.1.0
 * @category models
 */
export interface DoRpcOptions {
  readonly callers: Iterable<string>
  readonly validateCaller?: Admission.Rule
}

/**
 * The transport, for the option `doRpc` of `makeDurableObject`:
 *
 * ```ts
 * export class SyncBackendDO extends makeDurableObject({ doRpc: doRpc({ callers: ["CLIENT_DO"] }) }) {}
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const doRpc = (options: DoRpcOptions): DoRpcTransport => {
  const callers = new Set(options.callers)
  return { open: (host) => open(host, callers, options.validateCaller) }
}

const TAGS: ReadonlySet<string> = new Set([DoRpcMessage.PULL, DoRpcMessage.PUSH, DoRpcMessage.PING])

/** Where a pull starts. */
const cursorOf = ({ payload }: Frame.Request): LogEvent.SeqNum =>
  Either.match(decodePull(payload), {
    onLeft: () => LogEvent.ROOT,
    onRight: ({ cursor }) =>
      Option.match(cursor, {
        onNone: () => LogEvent.ROOT,
        onSome: ({ eventSequenceNumber }) => eventSequenceNumber
      })
  })

/** A request as the server knows it. `after`: where it goes on, if it is a pull that goes on, in the log that it is of. */
const toServer = (
  frame: Frame.Request,
  backendId: SyncError.BackendId,
  after: LogEvent.SeqNum | undefined
): Frame.Request => {
  const { payload, tag } = frame
  if (tag === DoRpcMessage.PUSH) return { ...frame, tag: Message.PUSH }
  if (!Predicate.isRecord(payload)) return { ...frame, tag: Message.PULL }
  const { storeId } = payload
  const cursor =
    after === undefined || after === LogEvent.ROOT
      ? payload["cursor"]
      : { _tag: "Some", value: { backendId, eventSequenceNumber: after } }
  return {
    ...frame,
    tag: Message.PULL,
    payload: {
      storeId,
      payload: payload["payload"],
      live: false,
      sparing: payload["sparing"],
      cursor
    }
  }
}

const decodeChunk = Schema.decodeUnknownSync(Schema.parseJson(Schema.encodedSchema(Frame.Chunk)))

const isSuccess = Schema.is(Schema.Struct({ exit: Schema.TaggedStruct("Success", {}) }))

const decodePull = Schema.decodeUnknownEither(DoRpcMessage.PullRequest)

/** Of a pull that is followed by live events: rounds in which nothing may come, and how long each is. */
const MAX_ROUNDS = 10
const QUIET = "500 millis"

const open = (
  host: DoRpcHost,
  callers: ReadonlySet<string>,
  rule: Admission.Rule | undefined
): DoRpcServer => {
  const subscriptions = Subscriptions.make(host, callers)
  const admit = Admission.make(host, callers, rule)

  /** The frames of an answer, one by one; the last is an `Exit`. */
  const answer = Effect.fnUntraced(function* (admitted: Admission.Admitted, text: string) {
    const { frame, session } = admitted
    const live = yield* Effect.mapError(host.activate(session.storeId), ({ reason }) =>
      refused(frame, "StorageUnavailable", reason)
    )
    const { limits } = live.server
    if (isTooBig(text, limits.maxFrameBytes)) {
      const message = `a call may have ${limits.maxFrameBytes} bytes`
      return yield* refuse(frame, session, "InvalidRequest", message)
    }
    const sender = `rpc ${JSON.stringify(session.identity ?? null)}`
    const now = yield* Clock.currentTimeMillis
    if (!host.rates.take(sender, eventsOf(frame, DoRpcMessage.PUSH), limits, now)) {
      return yield* refuse(frame, session, "RateLimited", describeRates(limits))
    }
    return { live, parts: yield* Effect.provide(begin(live, admitted, text.length), live.runtime) }
  })

  /** Asks the server, and tells its answer in the terms of the transport. */
  const begin = Effect.fnUntraced(function* (
    live: LiveServer,
    { caller, frame, session }: Admission.Admitted,
    size: number
  ) {
    const rpcRequestId = yield* randomHex(16)
    const { backendId } = live.server.admin
    const before = yield* caller === undefined
      ? Effect.succeed(new Set<string>())
      : subscriptions.namesOf(caller.context)
    const ask = ({ server }: LiveServer, cursor?: LogEvent.SeqNum) =>
      Exchange.open(server, session, toServer(frame, backendId, cursor), size)
    let present = live
    let exchange = yield* ask(live)
    let cursor = cursorOf(frame)
    let rounds = 0
    let isQuiet = false
    let isAgain = false

    const goOn = Effect.suspend(() =>
      Effect.flatMap(ask(present, cursor), (again) => {
        exchange = again
        return next
      })
    )

    const next: Effect.Effect<Part> = Effect.suspend(() =>
      Effect.flatMap(exchange.next, (part): Effect.Effect<Part> => {
        switch (part._tag) {
          case "Chunk": {
            const chunk = decodeChunk(part.text)
            const last = chunk.values.at(-1)?.batch.at(-1)?.eventEncoded.seqNum
            isQuiet = last === undefined
            // It has been told already that there is no more.
            if (isQuiet && rounds > 0) return next
            cursor = last ?? cursor
            const values = chunk.values.map((page) => ({ ...page, rpcRequestId }))
            return Effect.succeed({ isLast: false, frame: { ...chunk, values } })
          }
          case "Closed": {
            const ended = refused(frame, refusalOf(part.code), part.reason)
            const end: Part = { isLast: true, frame: ended }
            // The log is another one, or its server was replaced: LiveStore would never pull again.
            if (part.code !== Handshake.CloseCode.serviceRestart || isAgain)
              return Effect.succeed(end)
            isAgain = true
            return Effect.matchEffect(host.activate(session.storeId), {
              onFailure: () => Effect.succeed(end),
              onSuccess: (live) => {
                present = live
                return goOn
              }
            })
          }
          case "Exit": {
            const exit: unknown = JSON.parse(part.text)
            const done: Part = { isLast: true, frame: exit }
            if (caller === undefined || !isSuccess(exit)) return Effect.succeed(done)
            if ((rounds > 0 && isQuiet) || rounds >= MAX_ROUNDS) {
              const subscription: Subscriptions.Subscription = {
                version: 1,
                id: rpcRequestId,
                requestId: frame.id,
                caller: caller.context,
                session,
                backendId,
                cursor
              }
              return Effect.as(
                subscriptions.add(present, caller.object, subscription, before),
                done
              )
            }
            rounds += 1
            return Effect.zipRight(Effect.sleep(QUIET), goOn)
          }
        }
      })
    )
    return { next, leave: Effect.suspend(() => exchange.leave) }
  })

  const serve = Effect.fnUntraced(function* (frame: Frame.Request, text: string, write: Write) {
    if (!TAGS.has(frame.tag)) {
      const message = `this server has no request ${frame.tag.slice(0, 64)} by RPC`
      return yield* Effect.fail(refused(frame, "UnknownRequest", message))
    }
    const admitted = yield* admit(frame)
    if (frame.tag === DoRpcMessage.PING) return write(exitFrame(frame, Exit.void))
    const { live, parts } = yield* answer(admitted, text)
    if (frame.tag === DoRpcMessage.PUSH) return write((yield* parts.next).frame)
    return AnswerStream.make(live.runtime, {
      next: Effect.map(parts.next, ({ frame, isLast }) => ({ bytes: write(frame), isLast })),
      leave: parts.leave
    })
  })

  return {
    resume: subscriptions.resume,
    revoke: subscriptions.revoke,
    call: (payload) =>
      Effect.gen(function* () {
        const call = DoRpcCodec.readCall(payload)
        const decoded = Either.flatMap(call, ({ text }) => FrameReader.clientFrame(text))
        if (Either.isLeft(call) || Either.isLeft(decoded) || decoded.right._tag !== "Request") {
          return yield* Effect.dieMessage("not a call of this protocol")
        }
        const frame = decoded.right
        const write: Write = (frame) => DoRpcCodec.write(frame, call.right)
        return yield* Effect.catchAll(serve(frame, call.right.text, write), (refused) =>
          Effect.succeed(write(refused))
        )
      }).pipe(Effect.provide(Logger.json))
  }
}

/** One frame of an answer. */
interface Part {
  readonly isLast: boolean
  readonly frame: unknown
}

/** The bytes of a frame, as its caller reads them. */
type Write = (frame: unknown) => Uint8Array

/** As what a request is refused that the server has ended with a close code. */
const refusalOf = (code: number): Refusal.RefusalName =>
  code === Handshake.CloseCode.unauthorized
    ? "Unauthorized"
    : code === Handshake.CloseCode.forbidden
      ? "Forbidden"
      : "StorageUnavailable"
