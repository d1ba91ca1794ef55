/**
 * The Durable Object RPC transport: calls of other objects of the app, answered by the server of the store.
 *
 * @since 0.1.0
 */
import { DoRpcMessage, Frame, FrameReader, LogEvent, Message } from "@tidelog/sync-protocol"
import * as DoRpcCodec from "@tidelog/sync-protocol/DoRpcCodec"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"
import type { DoRpcHost, DoRpcServer, DoRpcTransport } from "../DoRpcTransport.ts"
import * as Exchange from "../Exchange.ts"
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

/** A request as the server knows it. `after`: where it goes on, if it is a pull that goes on. */
const toServer = (
  frame: Frame.Request,
  { server }: Pick<LiveServer, "server">,
  after: LogEvent.SeqNum | undefined
): Frame.Request => {
  const { payload, tag } = frame
  if (tag === DoRpcMessage.PUSH) return { ...frame, tag: Message.PUSH }
  if (!Predicate.isRecord(payload)) return { ...frame, tag: Message.PULL }
  const { storeId } = payload
  const cursor =
    after === undefined || after === LogEvent.ROOT
      ? payload["cursor"]
      : { _tag: "Some", value: { backendId: server.admin.backendId, eventSequenceNumber: after } }
  return {
    ...frame,
    tag: Message.PULL,
    payload: { storeId, payload: payload["payload"], live: false, cursor }
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
    const { limits } = live
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
    const ask = (cursor?: LogEvent.SeqNum) =>
      Exchange.open(live.server, session, toServer(frame, live, cursor), size)
    let exchange = yield* ask()
    let cursor = cursorOf(frame)
    let rounds = 0
    let isQuiet = false

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
          case "Closed":
            return Effect.succeed({
              isLast: true,
              frame: refused(frame, "StorageUnavailable", part.reason)
            })
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
                backendId: live.server.admin.backendId,
                cursor
              }
              return Effect.as(subscriptions.add(live, caller.object, subscription), done)
            }
            rounds += 1
            return Effect.sleep(QUIET).pipe(
              Effect.zipRight(ask(cursor)),
              Effect.flatMap((again) => {
                exchange = again
                return next
              })
            )
          }
        }
      })
    )
    return { next, leave: Effect.suspend(() => exchange.leave) }
  })

  return {
    resume: subscriptions.resume,
    revoke: subscriptions.revoke,
    call: (payload) =>
      Effect.gen(function* () {
        const text = DoRpcCodec.readCall(payload)
        const decoded = Either.flatMap(text, FrameReader.clientFrame)
        if (Either.isLeft(text) || Either.isLeft(decoded) || decoded.right._tag !== "Request") {
          return yield* Effect.dieMessage("not a call of this protocol")
        }
        const frame = decoded.right
        if (!TAGS.has(frame.tag)) {
          const message = `this server has no request ${frame.tag.slice(0, 64)} by RPC`
          return yield* Effect.fail(refused(frame, "UnknownRequest", message))
        }
        const admitted = yield* admit(frame)
        if (frame.tag === DoRpcMessage.PING) return DoRpcCodec.write(exitFrame(frame, Exit.void))
        const { live, parts } = yield* answer(admitted, text.right)
        if (frame.tag === DoRpcMessage.PUSH) return DoRpcCodec.write((yield* parts.next).frame)
        return stream(live, parts)
      }).pipe(
        Effect.catchAll((frame) => Effect.succeed(DoRpcCodec.write(frame))),
        Effect.provide(Logger.json)
      )
  }
}

/** One frame of an answer. */
interface Part {
  readonly isLast: boolean
  readonly frame: unknown
}

interface Parts {
  readonly next: Effect.Effect<Part>
  readonly leave: Effect.Effect<void>
}

/** A pull's frames, each as it is asked for. */
const stream = (live: LiveServer, parts: Parts) => {
  const run = Runtime.runPromise(live.runtime)
  return new ReadableStream<Uint8Array>(
    {
      pull: (controller) =>
        run(
          Effect.map(parts.next, ({ frame, isLast }) => {
            controller.enqueue(DoRpcCodec.write(frame))
            if (isLast) controller.close()
          })
        ),
      cancel: () => run(parts.leave)
    },
    { highWaterMark: 0 }
  )
}
