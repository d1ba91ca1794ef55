/**
 * Sockets that speak Durable Object RPC underneath: each request is a call of the backend's object, and live
 * events are calls of this one's.
 *
 * @since 0.1.0
 */
import * as Socket from "@effect/platform/Socket"
import * as Closing from "@tidelog/sync-protocol/Closing"
import * as Dialect from "@tidelog/sync-protocol/Dialect"
import * as DoRpcCodec from "@tidelog/sync-protocol/DoRpcCodec"
import * as DoRpcMessage from "@tidelog/sync-protocol/DoRpcMessage"
import type * as Frame from "@tidelog/sync-protocol/Frame"
import * as Handshake from "@tidelog/sync-protocol/Handshake"
import * as Refusal from "@tidelog/sync-protocol/Refusal"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as DoRpcAnswer from "./DoRpcAnswer.ts"
import * as DoRpcUpdates from "./DoRpcUpdates.ts"
import * as RequestSocket from "./RequestSocket.ts"
import * as SyncSocket from "./SyncSocket.ts"

/**
 * What the calls need.
 *
 * - `syncBackendStub`: the backend's object for the store, or a function that gives it, which is asked at each call:
 *   a stub whose object has failed once may go on failing.
 * - `durableObject`: this object: its `ctx`, and `bindingName`, under which the backend's worker has its namespace.
 *   Through it the backend calls `syncUpdateRpc`.
 * - `checkInterval`: how often a live pull looks whether it has missed something, in case the backend has
 *   forgotten it. A plain number is milliseconds. Default: a minute.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  readonly syncBackendStub: DoRpcAnswer.SyncBackendStub | (() => DoRpcAnswer.SyncBackendStub)
  readonly durableObject: {
    readonly ctx: { readonly id: { toString(): string } }
    readonly bindingName: string
  }
  readonly checkInterval?: Duration.DurationInput | undefined
}

const CHECK_INTERVAL: Duration.DurationInput = "1 minute"

/** For the head of an answer to a pull, and for each part of it. Other requests have the client's own deadlines. */
const PULL_WITHIN = 30_000

/** Of all calls of this isolate. LiveStore's own backend names a pull by the id that it came with. */
let lastCall = 0

const nextId = () => String(++lastCall)

const encodePull = Schema.encodeSync(DoRpcMessage.PullRequest)

const transport = ({ durableObject, syncBackendStub, ...options }: Options) => {
  const stub = typeof syncBackendStub === "function" ? syncBackendStub : () => syncBackendStub
  const { bindingName, ctx } = durableObject
  const callerContext = { bindingName, durableObjectId: ctx.id.toString() }

  return (url: string): RequestSocket.Transport => {
    /** Whether the backend reads texts, as the answer to the first ping shows. */
    let inText: boolean | undefined
    const first = Effect.unsafeMakeSemaphore(1)

    /** What answers a call, as of the request that the client has made. */
    const answerTo = (
      request: Frame.Request,
      { id = nextId(), within = Infinity }: { readonly id?: string; readonly within?: number } = {}
    ) =>
      Stream.suspend(() =>
        DoRpcAnswer.frames({ stub, request: { ...request, id }, inText: inText === true, within })
      ).pipe(
        Stream.mapEffect((answered) => {
          const end = endOf(request, answered.frame)
          if (end !== undefined) return Effect.fail(end)
          return Effect.try({
            try: () => ({ ...answered, text: toText(request.id, answered.frame) }),
            catch: DoRpcAnswer.senseless
          })
        })
      )

    const ping = Effect.suspend(() =>
      Stream.runLast(
        answerTo({
          _tag: "Request",
          id: "0",
          tag: DoRpcMessage.PING,
          payload: claimsOf(url),
          headers: [DoRpcCodec.WANTS_TEXT]
        })
      )
    ).pipe(
      Effect.flatten,
      Effect.catchTag("NoSuchElementException", DoRpcAnswer.senseless),
      Effect.tap((answered) =>
        Effect.sync(() => {
          inText = answered.inText
        })
      )
    )
    const greeted = first.withPermits(1)(
      Effect.suspend(() => (inText === undefined ? Effect.asVoid(ping) : Effect.void))
    )
    const textsOf = (answer: ReturnType<typeof answerTo>) =>
      Stream.unwrap(
        Effect.as(
          greeted,
          Stream.map(answer, ({ text }) => text)
        )
      )

    return {
      name: "do-rpc",
      interval: options.checkInterval ?? CHECK_INTERVAL,
      isTold: true,
      ping: Stream.map(Stream.fromEffect(first.withPermits(1)(ping)), ({ text }) => text),
      push: (request) =>
        Stream.unwrap(
          Effect.map(greeted, () =>
            inText !== true && HALF_PAIR.test(JSON.stringify(request))
              ? Stream.make(toText(request.id, { _tag: "Exit", exit: notCarried }))
              : textsOf(answerTo({ ...request, tag: DoRpcMessage.PUSH }))
          )
        ),
      pull: (request) =>
        Effect.gen(function* () {
          /** The names under which pages may come, each with how to hear no more of it. */
          const names = new Map<string, () => void>()
          yield* Effect.addFinalizer(() =>
            Effect.sync(() => {
              for (const stop of names.values()) stop()
            })
          )
          return ({ live, ...pull }, tell) => {
            const hear = (name: string) => {
              if (names.has(name)) return
              const onPages: DoRpcUpdates.OnPages = (values) =>
                Option.exists(textOf(request.id, { _tag: "Chunk", values }), tell)
              names.set(name, DoRpcUpdates.listen(ctx, name, onPages))
            }
            const id = nextId()
            // What is called with before there is an answer is not missed.
            if (live) hear(id)
            const rpcContext = live ? { callerContext } : undefined
            const payload = encodePull({ ...pull, rpcContext })
            const call = { ...request, tag: DoRpcMessage.PULL, payload }
            return textsOf(
              answerTo(call, { id, within: PULL_WITHIN }).pipe(
                Stream.tap(({ frame }) =>
                  Effect.sync(() => {
                    const name = live ? nameIn(frame) : undefined
                    if (name === undefined) return
                    hear(name)
                    for (const [other, stop] of names) {
                      if (other === id || other === name) continue
                      stop()
                      names.delete(other)
                    }
                  })
                )
              )
            )
          }
        })
    }
  }
}

const decodeSearch = Schema.decodeUnknownOption(Handshake.SearchParams)

/** What the URL of a connection says of it. */
const claimsOf = (url: string) =>
  Option.map(
    decodeSearch(Object.fromEntries(new URL(url).searchParams)),
    ({ payload, storeId }) => ({ storeId, payload })
  ).pipe(Option.getOrUndefined)

/** A frame of an answer as the text of the one that the client waits for. Throws at what is no JSON. */
const toText = (requestId: Frame.RequestId, frame: unknown): string =>
  JSON.stringify(Predicate.isRecord(frame) ? { ...frame, requestId } : frame)

const textOf = Option.liftThrowable(toText)

/** As JSON writes half a surrogate pair, and nothing else. */
const HALF_PAIR = /(?<!\\)(?:\\\\)*\\ud[89a-f][0-9a-f]{2}/

/** MessagePack would change it: LiveStore would see another event come back than it has pushed, and push again. */
const notCarried = Dialect.effect3.encode(
  Exit.fail(
    Refusal.toUnknownError(
      new Refusal.Refusal({
        name: "PushRejected",
        message: "a text has half a surrogate pair, which no call carries to this backend"
      })
    )
  )
)

const CODES = new Map([
  ["Unauthorized", Closing.CloseCode.unauthorized],
  ["Forbidden", Closing.CloseCode.forbidden]
])

/** What passes is told to a push by its answer; a pull would end with it. */
const PULL_CODES = new Map([
  ...CODES,
  ["StorageUnavailable", Closing.CloseCode.tryAgainLater],
  ["RateLimited", Closing.CloseCode.tryAgainLater]
])

const decodeRefusal = Schema.decodeUnknownOption(
  Schema.Struct({
    exit: Schema.Struct({
      cause: Schema.Struct({
        error: Schema.Struct({
          cause: Schema.Struct({ name: Schema.String, message: Schema.String })
        })
      })
    })
  })
)

/** Where a socket would have been closed instead. */
const endOf = ({ tag }: Frame.Request, frame: unknown): SyncSocket.ConnectionEnd | undefined =>
  Option.flatMap(decodeRefusal(frame), ({ exit }) => {
    const { message, name } = exit.cause.error.cause
    const code = (tag === DoRpcMessage.PULL ? PULL_CODES : CODES).get(name)
    return code === undefined
      ? Option.none()
      : Option.some(new SyncSocket.ConnectionEnd({ code, reason: message, broken: false }))
  }).pipe(Option.getOrUndefined)

const decodeName = Schema.decodeUnknownOption(
  Schema.Struct({ values: Schema.NonEmptyArray(Schema.Struct({ rpcRequestId: Schema.String })) })
)

/** The name under which later pages come, in a page. */
const nameIn = (frame: unknown): string | undefined =>
  Option.match(decodeName(frame), {
    onNone: () => undefined,
    onSome: ({ values: [{ rpcRequestId }] }) => rpcRequestId
  })

/**
 * Makes sockets that call an object, in the place of WebSockets.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<Socket.WebSocketConstructor> =>
  Layer.effect(Socket.WebSocketConstructor, RequestSocket.make(transport(options)))
