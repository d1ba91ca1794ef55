/**
 * The client as a sync backend of LiveStore 0.4.0. The only module that knows LiveStore.
 *
 * @since 0.1.0
 */
import * as Socket from "@effect/platform/Socket"
import {
  BackendIdMismatchError,
  IsOfflineError,
  ServerAheadError,
  SyncBackend,
  UnknownError
} from "@livestore/common"
import { EventSequenceNumber } from "@livestore/common/schema"
import type { Message, SyncError } from "@tidelog/sync-protocol"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { PullFailure } from "./OpenPull.ts"
import * as SyncClient from "./SyncClient.ts"

/**
 * What `makeCfSync` is told: where the server is, and what differs from the defaults.
 *
 * @since 0.1.0
 * @category models
 */
export interface CfSyncOptions extends Omit<SyncClient.Options, "storeId" | "payload"> {
  /**
   * What the server's authorisation asks for, made from the store's `syncPayload` at each connection: a token
   * that is refreshed, for one. It returns any JSON value, a Promise or an Effect of one. Default: the
   * `syncPayload` itself.
   */
  readonly payload?: ((syncPayload: unknown) => unknown) | undefined
  /**
   * How WebSockets are made, where the runtime has none (Node before 22) or not the right ones: a
   * function, or a layer of `@effect/platform`. Default: the global `WebSocket`.
   */
  readonly webSocket?:
    | Layer.Layer<Socket.WebSocketConstructor>
    | ((url: string) => globalThis.WebSocket)
    | undefined
}

const webSocketLayer = (
  webSocket: CfSyncOptions["webSocket"]
): Layer.Layer<Socket.WebSocketConstructor> =>
  webSocket === undefined
    ? Socket.layerWebSocketConstructorGlobal
    : typeof webSocket === "function"
      ? Layer.succeed(Socket.WebSocketConstructor, webSocket)
      : webSocket

/**
 * A sync backend for LiveStore's `sync: { backend }`. The store's `syncPayload` goes to the server's
 * authorisation.
 *
 * Being offline never fails it: LiveStore starts, works, and catches up later.
 *
 * @example
 * ```ts
 * makeWorker({ schema, sync: { backend: makeCfSync({ url: "wss://sync.example.com" }) } })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeCfSync =
  (options: CfSyncOptions): SyncBackend.SyncBackendConstructor<Message.SyncMetadata> =>
  ({ payload, storeId }) =>
    Effect.gen(function* () {
      const webSocket = yield* Layer.build(webSocketLayer(options.webSocket))
      const { payload: makePayload } = options
      const client = yield* SyncClient.make({
        ...options,
        storeId,
        payload: makePayload === undefined ? payload : () => makePayload(payload)
      }).pipe(
        Effect.provide(webSocket),
        Effect.mapError((cause) => new UnknownError({ cause }))
      )
      const backendId = yield* SyncBackend.makeBackendIdHelper

      return SyncBackend.of<Message.SyncMetadata>({
        connect: client.connect,
        isConnected: client.isConnected,
        pull: (cursor, pullOptions) =>
          Stream.suspend(() =>
            client.pull({
              cursor: Option.match(cursor, {
                onNone: () => 0,
                onSome: ({ eventSequenceNumber }) => eventSequenceNumber
              }),
              createdAt: cursor.pipe(
                Option.flatMap(({ metadata }) => metadata),
                Option.map(({ createdAt }) => createdAt),
                Option.getOrUndefined
              ),
              backendId: backendId.get(),
              live: pullOptions?.live === true
            })
          ).pipe(
            Stream.mapError(pullError),
            // Before the events: whoever holds events knows which log they are of.
            Stream.tap((page) => backendId.lazySet(page.backendId)),
            Stream.map(({ batch, pageInfo }) => ({ batch: batch.map(pulledEvent), pageInfo }))
          ),
        push: (batch) =>
          Effect.suspend(() => client.push(batch, { backendId: backendId.get() })).pipe(
            Effect.mapError(pushError)
          ),
        ping: Effect.mapError(client.ping, (cause) => new IsOfflineError({ cause })),
        metadata: {
          name: "@tidelog/sync-client",
          description: "Syncs over a WebSocket with a Tidelog server on Cloudflare"
        },
        supports: { pullPageInfoKnown: true, pullLive: true }
      })
    })

/** LiveStore brands its positions, and has the key of absent arguments. */
const pulledEvent = ({ eventEncoded: event, metadata }: Message.PulledEvent) => ({
  eventEncoded: {
    name: event.name,
    args: event.args,
    seqNum: EventSequenceNumber.Global.make(event.seqNum),
    parentSeqNum: EventSequenceNumber.Global.make(event.parentSeqNum),
    clientId: event.clientId,
    sessionId: event.sessionId
  },
  metadata
})

/** What LiveStore makes of each: `IsOfflineError` it pulls again, `UnknownError` is the end. */
const pullError = (error: PullFailure): IsOfflineError | BackendIdMismatchError | UnknownError => {
  switch (error._tag) {
    case "ConnectionLost":
      return new IsOfflineError({ cause: error })
    case "BackendIdMismatchError":
      return backendIdMismatch(error)
    case "UnknownError":
      return new UnknownError({ cause: error.cause })
    case "RequestFailed":
    case "ServerAheadError":
      return new UnknownError({ cause: error })
  }
}

/** LiveStore repeats a push after `IsOfflineError` and `UnknownError` alike, with a backoff. */
const pushError = (
  error: SyncClient.PushError
): IsOfflineError | BackendIdMismatchError | ServerAheadError | UnknownError => {
  switch (error._tag) {
    case "ConnectionRefused":
      return new IsOfflineError({ cause: error })
    case "BackendIdMismatchError":
      return backendIdMismatch(error)
    case "ServerAheadError":
      return new ServerAheadError({
        minimumExpectedNum: EventSequenceNumber.Global.make(error.minimumExpectedNum),
        providedNum: EventSequenceNumber.Global.make(error.providedNum)
      })
    case "UnknownError":
      return new UnknownError({ cause: error.cause })
    case "EventTooLarge":
    case "RequestFailed":
      return new UnknownError({ cause: error })
  }
}

const backendIdMismatch = ({
  expected,
  received
}: SyncError.BackendIdMismatchError): BackendIdMismatchError =>
  new BackendIdMismatchError({ expected, received })
