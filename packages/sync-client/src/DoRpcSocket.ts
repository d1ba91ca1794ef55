/**
 * Sockets that speak Durable Object RPC underneath: each request is a call of the backend's object, and live
 * events are calls of this one's.
 *
 * @since 0.1.0
 */
import * as Socket from "@effect/platform/Socket"
import * as Closing from "@tidelog/sync-protocol/Closing"
import * as DoRpcMessage from "@tidelog/sync-protocol/DoRpcMessage"
import type * as Frame from "@tidelog/sync-protocol/Frame"
import * as Handshake from "@tidelog/sync-protocol/Handshake"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { flow } from "effect/Function"
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
 * - `durableObjectContext`: this object: `bindingName`, under which the backend's worker has its namespace, and its
 *   id, as text. Through it the backend calls `syncUpdateRpc`.
 * - `checkInterval`: how often a live pull looks whether it has missed something, in case the backend has
 *   forgotten it. A plain number is milliseconds. Default: a minute.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  readonly syncBackendStub: DoRpcAnswer.SyncBackendStub | (() => DoRpcAnswer.SyncBackendStub)
  readonly durableObjectContext: DoRpcMessage.CallerContext
  readonly checkInterval?: Duration.DurationInput | undefined
}

const CHECK_INTERVAL: Duration.DurationInput = "1 minute"

/** For the head of an answer to a pull, and for each part of it. Other requests have the client's own deadlines. */
const PULL_WITHIN = 30_000

/** Of all calls of this isolate. A backend may name a pull by the id that it came with. */
let lastCall = 0

const encodePull = Schema.encodeSync(DoRpcMessage.PullRequest)

const transport = ({ durableObjectContext, syncBackendStub, ...options }: Options) => {
  const stub = typeof syncBackendStub === "function" ? syncBackendStub : () => syncBackendStub
  /** The frames of an answer, as of the request that the client has made. */
  const ask = (request: Frame.Request, within = Infinity) =>
    Stream.suspend(() => {
      const call = { ...request, id: String(++lastCall) }
      return DoRpcAnswer.frames({ stub, request: call, within })
    }).pipe(
      Stream.mapEffect((frame) =>
        Option.match(decodeRefusal(frame), {
          onNone: () =>
            Effect.succeed(Predicate.isRecord(frame) ? { ...frame, requestId: request.id } : frame),
          onSome: Effect.fail
        })
      )
    )
  const askForTexts = (request: Frame.Request) => Stream.map(ask(request), toText)

  return (url: string): RequestSocket.Transport => ({
    name: "do-rpc",
    interval: options.checkInterval ?? CHECK_INTERVAL,
    isTold: true,
    ping: askForTexts({
      _tag: "Request",
      id: "0",
      tag: DoRpcMessage.PING,
      payload: claimsOf(url),
      headers: []
    }),
    push: (request) => askForTexts({ ...request, tag: DoRpcMessage.PUSH }),
    pull: (request) =>
      Effect.gen(function* () {
        let unlisten = () => {}
        yield* Effect.addFinalizer(() => Effect.sync(() => unlisten()))
        const listen = (name: string, tell: (text: string) => void) => {
          unlisten()
          unlisten = DoRpcUpdates.listen(name, (values) =>
            tell(toText({ _tag: "Chunk", requestId: request.id, values }))
          )
        }
        return ({ live, ...pull }, tell) => {
          const rpcContext = live ? { callerContext: durableObjectContext } : undefined
          const payload = encodePull({ ...pull, rpcContext })
          return ask({ ...request, tag: DoRpcMessage.PULL, payload }, PULL_WITHIN).pipe(
            Stream.map((frame) => {
              // Before the page is delivered: what comes after it is not missed.
              Option.map(decodeName(frame), (name) => listen(name, tell))
              return toText(frame)
            })
          )
        }
      })
  })
}

const decodeSearch = Schema.decodeUnknownOption(Handshake.SearchParams)

/** What the URL of a connection says of it. */
const claimsOf = (url: string) =>
  Option.map(
    decodeSearch(Object.fromEntries(new URL(url).searchParams)),
    ({ payload, storeId }) => ({ storeId, payload })
  ).pipe(Option.getOrUndefined)

const toText = (frame: unknown): string => JSON.stringify(frame)

const CODES = {
  Unauthorized: Closing.CloseCode.unauthorized,
  Forbidden: Closing.CloseCode.forbidden
}

/** Nobody is let in with this payload: as a socket would have been closed. */
const decodeRefusal = flow(
  Schema.decodeUnknownOption(
    Schema.Struct({
      exit: Schema.Struct({
        cause: Schema.Struct({
          error: Schema.Struct({
            cause: Schema.Struct({
              name: Schema.Literal("Unauthorized", "Forbidden"),
              message: Schema.String
            })
          })
        })
      })
    })
  ),
  Option.map(
    ({
      exit: {
        cause: {
          error: {
            cause: { message, name }
          }
        }
      }
    }) => new SyncSocket.ConnectionEnd({ code: CODES[name], reason: message, broken: false })
  )
)

/** The name under which later pages come. */
const decodeName = flow(
  Schema.decodeUnknownOption(
    Schema.Struct({ values: Schema.NonEmptyArray(Schema.Struct({ rpcRequestId: Schema.String })) })
  ),
  Option.map(({ values: [{ rpcRequestId }] }) => rpcRequestId)
)

/**
 * Makes sockets that call an object, in the place of WebSockets.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<Socket.WebSocketConstructor> =>
  Layer.effect(Socket.WebSocketConstructor, RequestSocket.make(transport(options)))
