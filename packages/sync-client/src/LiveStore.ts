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
import type { SyncState } from "@livestore/common"
import { LeaderThreadCtx } from "@livestore/common/leader-thread"
import { EventSequenceNumber } from "@livestore/common/schema"
import type * as Message from "@tidelog/sync-protocol/Message"
import type * as SyncError from "@tidelog/sync-protocol/SyncError"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { PullFailure } from "./OpenPull.ts"
import * as Salvage from "./Salvage.ts"
import * as SyncClient from "./SyncClient.ts"

/**
 * What `makeCfSync` is told: where the server is, and what differs from the defaults.
 *
 * @since 0.1.0
 * @category models
 */
export interface CfSyncOptions extends Omit<SyncClient.Options, "storeId" | "payload"> {
  /**
   * What the server's authorisation asks for: any JSON value, a Promise or an Effect of one, or a function of the
   * store's `syncPayload` that returns any of these. A function and an Effect are asked at each connection: for a
   * token that is refreshed. Default: the `syncPayload` itself.
   */
  readonly payload?: unknown
  /**
   * Called with the events that the server has not confirmed, before LiveStore discards them with its log because
   * the server's is another one: reset, or restored from a backup. What it returns is waited for, for up to 10 s.
   * The app may keep them, and commit what they say again once the store has started anew.
   */
  readonly onUnconfirmed?: Salvage.OnUnconfirmed | undefined
  /**
   * How WebSockets are made, where the runtime has none (Node before 22) or not the right ones: a
   * function, or a layer of `@effect/platform`. Default: the global `WebSocket`.
   */
  readonly webSocket?:
    | Layer.Layer<Socket.WebSocketConstructor>
    | ((url: string) => object)
    | undefined
}

const webSocketLayer = (
  webSocket: CfSyncOptions["webSocket"]
): Layer.Layer<Socket.WebSocketConstructor> =>
  webSocket === undefined
    ? Socket.layerWebSocketConstructorGlobal
    : typeof webSocket === "function"
      ? Layer.succeed(Socket.WebSocketConstructor, (url) => {
          const made = webSocket(url)
          if (isWebSocket(made)) return made
          throw new TypeError("webSocket makes no WebSocket")
        })
      : webSocket

/** As far as it is used; the types of the package `ws`, for one, are others. */
const isWebSocket = (made: object): made is WebSocket =>
  "addEventListener" in made && "send" in made && "close" in made

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
      const unconfirmed = yield* SubscriptionRef.make(0)
      const client = yield* SyncClient.make({
        ...options,
        storeId,
        payload:
          typeof makePayload === "function"
            ? (): unknown => makePayload(payload)
            : (makePayload ?? payload),
        unconfirmed: unconfirmed.changes
      }).pipe(
        Effect.provide(webSocket),
        Effect.mapError((cause) => new UnknownError({ cause }))
      )
      const backendId = yield* SyncBackend.makeBackendIdHelper
      const offer = yield* Salvage.make(
        options.onUnconfirmed,
        Effect.flatMap(
          Effect.serviceOption(LeaderThreadCtx),
          Option.match({
            onNone: () => Effect.succeed([]),
            onSome: ({ syncProcessor }) =>
              Effect.map(syncProcessor.syncState, (state) =>
                pendingOf(state).map((event) => event.toGlobal())
              )
          })
        )
      )
      /** LiveStore pushes nothing while it is offline, and tells its leader alone what waits. */
      const countUnconfirmed = Effect.flatMap(
        Effect.serviceOption(LeaderThreadCtx),
        Option.match({
          onNone: () => Effect.void,
          onSome: ({ syncProcessor }) =>
            Stream.runForEach(syncProcessor.syncState.changes, (state) =>
              SubscriptionRef.set(unconfirmed, pendingOf(state).length)
            )
        })
      )
      const offerFirst = (error: { readonly _tag: string }) =>
        error._tag === "BackendIdMismatchError" ? offer : Effect.void

      const whenOnline = Stream.runHead(Stream.filter(client.isConnected.changes, Boolean))

      return SyncBackend.of<Message.SyncMetadata>({
        connect: client.connect,
        isConnected: client.isConnected,
        pull: (cursor, pullOptions) =>
          Effect.gen(function* () {
            yield* Effect.forkScoped(countUnconfirmed)
            const from = Option.getOrUndefined(cursor)
            return client.pull({
              cursor: from?.eventSequenceNumber ?? 0,
              createdAt: from && Option.getOrUndefined(from.metadata)?.createdAt,
              backendId: backendId.get(),
              live: pullOptions?.live === true
            })
          }).pipe(
            Stream.unwrapScoped,
            Stream.tapError(offerFirst),
            Stream.mapError(pullError),
            // Before the events: whoever holds events knows which log they are of.
            Stream.tap((page) => backendId.lazySet(page.backendId)),
            Stream.map(({ batch, pageInfo }) => ({ batch: batch.map(pulled), pageInfo }))
          ),
        push: (batch) =>
          Effect.suspend(() => client.push(batch, { backendId: backendId.get() })).pipe(
            // LiveStore would come back in up to 30 s, whatever happens meanwhile.
            Effect.tapErrorTag("ConnectionRefused", () => whenOnline),
            Effect.retry({ while: ({ _tag }) => _tag === "ConnectionRefused" }),
            Effect.tapError(offerFirst),
            Effect.mapError(pushError)
          ),
        ping: Effect.mapError(client.ping, isOffline),
        metadata: {
          name: "@tidelog/sync-client",
          description: "Syncs with a Tidelog server"
        },
        supports: { pullPageInfoKnown: true, pullLive: true }
      })
    })

/** What LiveStore is to push, or has pushed, and that no pull has confirmed. Some events stay on the device. */
const pendingOf = ({ pending }: SyncState.SyncState) =>
  pending.filter(({ seqNum }) => seqNum.client === 0)

/** LiveStore brands its positions, and has the key of absent arguments. */
const pulled = ({ eventEncoded, metadata }: Message.PulledEvent) => ({
  eventEncoded: {
    ...eventEncoded,
    args: eventEncoded.args,
    seqNum: EventSequenceNumber.Global.make(eventEncoded.seqNum),
    parentSeqNum: EventSequenceNumber.Global.make(eventEncoded.parentSeqNum)
  },
  metadata
})

const isOffline = (cause: unknown) => new IsOfflineError({ cause })

/** What LiveStore makes of each: after `IsOfflineError` it pulls again, `UnknownError` is the end of a pull. */
const pullError = (
  error: PullFailure | Exclude<SyncClient.PushError, SyncError.ServerAheadError>
): IsOfflineError | BackendIdMismatchError | UnknownError => {
  switch (error._tag) {
    case "ConnectionLost":
    case "ConnectionRefused":
      return isOffline(error)
    case "BackendIdMismatchError": {
      const { expected, received } = error
      return new BackendIdMismatchError({ expected, received })
    }
    default:
      return new UnknownError({ cause: error._tag === "UnknownError" ? error.cause : error })
  }
}

/** LiveStore repeats a push after `IsOfflineError` and `UnknownError` alike, with a backoff. */
const pushError = (error: SyncClient.PushError) =>
  error._tag === "ServerAheadError"
    ? new ServerAheadError({
        minimumExpectedNum: EventSequenceNumber.Global.make(error.minimumExpectedNum),
        providedNum: EventSequenceNumber.Global.make(error.providedNum)
      })
    : pullError(error)
