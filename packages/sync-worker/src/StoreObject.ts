/**
 * One store's server inside a Durable Object: sockets that outlive its memory, and one runtime
 * for as long as it is in memory.
 *
 * @since 0.1.0
 */
import type { WebSocket } from "@cloudflare/workers-types"
import { Frame, Handshake } from "@tidelog/sync-protocol"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Logger from "effect/Logger"
import * as Attachment from "./Attachment.ts"
import type { Session } from "./Connection.ts"
import type { DoRpcServer, DoRpcTransport } from "./DoRpcTransport.ts"
import * as ForwardHeaders from "./ForwardHeaders.ts"
import * as Grant from "./Grant.ts"
import * as HttpTransport from "./HttpTransport.ts"
import * as Activations from "./internal/activations.ts"
import * as Backlog from "./internal/backlog.ts"
import * as LiveServer from "./internal/liveServer.ts"
import * as ObjectAlarm from "./internal/objectAlarm.ts"
import * as Operations from "./internal/operations.ts"
import { annotateOwner } from "./internal/owner.ts"
import * as Refusals from "./internal/refusals.ts"
import * as Sleeping from "./internal/sleeping.ts"
import * as Sockets from "./internal/sockets.ts"
import { isUpgrade } from "./internal/upgrade.ts"
import * as SenderRates from "./SenderRates.ts"

export type { ObjectState, ServerLayer } from "./internal/liveServer.ts"

/**
 * How a client may reach a store: over a WebSocket, by a POST for each request, or, from another object of the
 * app, by a call.
 *
 * @since 0.1.0
 * @category models
 */
export type Transport = "ws" | "http" | "do-rpc"

/**
 * What is told of the HTTP transport. `responseHeaders`: headers that are on each of the object's answers.
 *
 * @since 0.1.0
 * @category models
 */
export interface HttpOptions {
  readonly responseHeaders?: Readonly<Record<string, string>>
}

/**
 * The transports that connections may use: those that are told, or else `ws` and `http`, and `do-rpc` where `doRpc`
 * is told. Throws a `TypeError` if `do-rpc` is named without: nothing would answer its calls.
 *
 * @since 0.1.0
 * @category constructors
 */
export const transportsOf = ({
  doRpc,
  enabledTransports
}: {
  readonly doRpc?: DoRpcTransport
  readonly enabledTransports?: Iterable<Transport>
}): ReadonlySet<Transport> => {
  const transports = new Set(
    enabledTransports
      ?? (doRpc === undefined ? DEFAULT_TRANSPORTS : [...DEFAULT_TRANSPORTS, "do-rpc"])
  )
  if (doRpc === undefined && transports.has("do-rpc")) {
    throw new TypeError(
      `enabledTransports names do-rpc, which is served where ${DO_RPC} says whose`
    )
  }
  return transports
}

/**
 * The handlers of a Durable Object.
 *
 * @since 0.1.0
 * @category models
 */
export interface StoreObject {
  readonly fetch: (request: Request) => Effect.Effect<Response>
  /** A Promise, and no Effect: most frames are handled in the server's own runtime, and no other. */
  readonly message: (socket: WebSocket, data: string | ArrayBuffer) => Promise<void>
  readonly closed: (socket: WebSocket, code: number, reason: string) => Effect.Effect<void>
  readonly failed: (socket: WebSocket) => Effect.Effect<void>
  readonly alarm: Effect.Effect<void>

  /** Answers a call of another object. Dies where calls are not taken, or if it is none. */
  readonly rpc: (payload: Uint8Array) => Effect.Effect<Uint8Array | ReadableStream<Uint8Array>>

  /** Runs an `AdminOperation` that has come as text, and answers as text. */
  readonly admin: (operation: string) => Effect.Effect<string>
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = <E>(options: {
  readonly state: LiveServer.ObjectState
  readonly env: object
  readonly layer: LiveServer.ServerLayer<E>
  readonly forwardHeaders?: ForwardHeaders.ForwardHeaders
  /** See `transportsOf`. */
  readonly enabledTransports?: Iterable<Transport>
  /** Of the HTTP transport: `responseHeaders` are on each of its answers. */
  readonly http?: HttpOptions
  /** The transport `do-rpc`, where it is one of those. */
  readonly doRpc?: DoRpcTransport
  /** What the object's id was made of. */
  readonly name?: string | undefined
}): StoreObject => {
  const { env, forwardHeaders = [], http = {}, layer, state } = options
  const transports = transportsOf(options)
  state.setWebSocketAutoResponse(new WebSocketRequestResponsePair(Frame.PING_TEXT, Frame.PONG_TEXT))

  const withResponseHeaders = (response: Response): Response => {
    for (const [name, value] of Object.entries(http.responseHeaders ?? {})) {
      response.headers.set(name, value)
    }
    return response
  }

  const alarm = ObjectAlarm.make(state.storage)

  /** Those that a client has been connected to. */
  const visited = new WeakSet<LiveServer.LiveServer>()

  /** Whose request it is, or nothing where the app has made a mistake. */
  const sessionOf = (grant: Grant.Grant, request: Request): Effect.Effect<Session | undefined> =>
    Either.match(ForwardHeaders.pick(request, forwardHeaders), {
      onLeft: (error) =>
        Effect.logError("forwardHeaders failed", Cause.fail(error)).pipe(
          annotateOwner(grant),
          Effect.as(undefined)
        ),
      onRight: (headers) => Effect.succeed({ ...grant, headers })
    })

  const accept = Effect.fnUntraced(function* (
    live: LiveServer.LiveServer,
    grant: Grant.Grant,
    request: Request
  ) {
    const { limits } = live.server
    const session = yield* sessionOf(grant, request)
    if (session === undefined) {
      return yield* refuse(grant, "internalError", "the server made a mistake")
    }
    if (!Attachment.fits(session, limits.maxSubscriptions)) {
      const reason = "payload, identity and headers are too large to be kept with the connection"
      return yield* refuse(grant, "payloadTooLarge", reason)
    }
    const full = LiveServer.findFull(live)
    if (full !== undefined) return yield* refuse(grant, "tryAgainLater", full)
    const { 0: client, 1: socket } = new WebSocketPair()
    state.acceptWebSocket(socket)
    visited.add(live)
    yield* live.server.connect(LiveServer.open(live, socket, session))
    return new Response(null, { status: 101, webSocket: client })
  })

  /** The server of a store, for a client that comes without a socket. */
  const activate = (storeId: Handshake.StoreId) =>
    Effect.tap(activations.get(storeId), (live) => visited.add(live))

  const rates = SenderRates.make()

  const doRpc: DoRpcServer | undefined = transports.has("do-rpc")
    ? options.doRpc?.open({
        env,
        storage: state.storage,
        rates,
        storeId: () => options.name,
        activate
      })
    : undefined

  const startServer = LiveServer.start({ state, env, layer, alarm })

  const activations: Activations.Activations<
    Handshake.StoreId,
    LiveServer.LiveServer,
    LiveServer.StartFailed
  > = Activations.make({
    start: (storeId: Handshake.StoreId) =>
      Effect.tap(startServer(storeId), (live) =>
        doRpc === undefined
          ? Effect.void
          : Effect.provide(doRpc.resume(live), live.runtime).pipe(
              Effect.catchAllCause((cause) =>
                Effect.logError("subscriptions could not be resumed", cause)
              ),
              Effect.provide(Logger.json)
            )
      ),
    isOver: ({ server }: LiveServer.LiveServer) => server.isReplaced(),
    end: LiveServer.letGo
  })

  /** The server of a socket: in memory, or started for the store that the socket remembers. */
  const activationOf = (
    socket: WebSocket
  ): Effect.Effect<LiveServer.LiveServer | undefined, LiveServer.StartFailed> =>
    Effect.suspend(() => {
      const pending = activations.pending()
      if (pending !== undefined) return pending
      if (!Sockets.isOpen(socket)) return Effect.succeed(undefined)
      const attachment = Attachment.decode(socket.deserializeAttachment())
      return Either.isLeft(attachment)
        ? Effect.as(Sleeping.closeUnreadable(socket), undefined)
        : activations.get(attachment.right.session.storeId)
    })

  /** Nothing is started only to hear of an end. */
  const forget = (socket: WebSocket) =>
    Effect.suspend(() => {
      const pending = activations.pending()
      if (pending === undefined) return Effect.void
      return Effect.flatMap(pending, ({ connections, server }) => {
        const connection = connections.get(socket)
        connections.delete(socket)
        return connection === undefined ? Effect.void : server.disconnect(connection)
      })
    }).pipe(Effect.ignore)

  /** Of the frames that wait for the server to start. */
  const backlog = Backlog.make()

  /** Answers a request that comes by itself. */
  const answerHttp = Effect.fnUntraced(function* (grant: Grant.Grant, request: Request) {
    const session = yield* sessionOf(grant, request)
    if (session === undefined) {
      const refusal = { status: 500, reason: "the server made a mistake" }
      return yield* annotateOwner(grant)(Refusals.answerHttp(request, refusal))
    }
    const text = yield* Effect.promise(() => request.text())
    return yield* HttpTransport.answer(
      {
        rates,
        backlog,
        activate: activate(grant.storeId)
      },
      request,
      session,
      text
    )
  }, Effect.provide(Logger.json))

  const closeDue = Sleeping.closeDue(state)

  const operations = Operations.make({
    state,
    alarm,
    activations,
    isVisited: (live) => visited.has(live),
    revokeOthers: (identity) => doRpc?.revoke(identity) ?? Effect.succeed(0)
  })

  return {
    alarm: Effect.suspend(() => {
      // First of all: who asks from now on is not waiting for the one that has just gone off.
      alarm.gone()
      const pending = activations.pending()
      return pending === undefined
        ? closeDue
        : Effect.flatMap(pending, ({ runtime, server }) => Effect.provide(server.closeDue, runtime))
    }).pipe(
      Effect.orElse(() => closeDue),
      Effect.map((next) => alarm.wakeBy(next))
    ),

    admin: operations.answer,

    fetch: (request) => {
      const grant = Grant.decode(request.headers.get(Grant.HEADER))
      if (Either.isLeft(grant)) {
        return Refusals.answerHttp(request, { status: 403, reason: "Forbidden" })
      }
      const transport = transportOf(request)
      if (transport === "http") {
        const answered = transports.has(transport)
          ? answerHttp(grant.right, request)
          : refuseTransport(request, grant.right, transport)
        return Effect.map(answered, withResponseHeaders)
      }
      if (!transports.has(transport)) return refuseTransport(request, grant.right, transport)
      return activations.get(grant.right.storeId).pipe(
        Effect.flatMap((active) =>
          Effect.provide(accept(active, grant.right, request), active.runtime)
        ),
        Effect.catchTag("StartFailed", ({ reason }) =>
          Effect.provide(refuse(grant.right, "tryAgainLater", reason), Logger.json)
        )
      )
    },

    message: (socket, data) => {
      const receive = (active: LiveServer.LiveServer | undefined): Promise<void> => {
        const connection = active?.connections.get(socket)
        if (active === undefined || connection === undefined) return Promise.resolve()
        const frame = typeof data === "string" ? data : new Uint8Array(data)
        return active.run(active.server.receive(connection, frame))
      }
      const current = activations.current()
      if (current !== undefined) return receive(current)
      const size = typeof data === "string" ? data.length : data.byteLength
      if (!backlog.admit(size)) return Effect.runPromise(LiveServer.putOff(socket, Backlog.FULL))
      return activationOf(socket).pipe(
        Effect.flatMap((active) => Effect.promise(() => receive(active))),
        Effect.catchTag("StartFailed", ({ reason }) => LiveServer.putOff(socket, reason)),
        Effect.ensuring(Effect.sync(() => backlog.release(size))),
        Effect.runPromise
      )
    },

    closed: (socket, code, reason) =>
      Effect.zipRight(
        forget(socket),
        Effect.sync(() => Sockets.answerClose(socket, code, reason))
      ),

    failed: forget,

    rpc: (payload) => (doRpc === undefined ? refuseCall(options.name) : doRpc.call(payload))
  }
}

/** Refuses a connection in words that its client can read. */
const refuse = (grant: Grant.Grant, name: keyof typeof Handshake.CloseCode, reason: string) =>
  annotateOwner(grant)(Refusals.answerUpgrade(Handshake.CloseCode[name], reason))

const DEFAULT_TRANSPORTS: Iterable<Transport> = ["ws", "http"]

/** The option, in words for whoever has to set it. */
const DO_RPC = `makeDurableObject({ doRpc: doRpc({ callers: ["…"] }) }), of @tidelog/sync-worker/do-rpc,`

/** A call has no other answer than what it throws. */
const refuseCall = (storeId = "") => {
  const reason = "this backend does not take the transport do-rpc"
  return Effect.logWarning("call refused").pipe(
    Effect.annotateLogs({ reason, storeId, option: DO_RPC }),
    Effect.provide(Logger.json),
    Effect.zipRight(Effect.dieMessage(reason))
  )
}

const transportOf = (request: Request): Transport => (isUpgrade(request) ? "ws" : "http")

/** The server is not started for it. */
const refuseTransport = (request: Request, grant: Grant.Grant, transport: Transport) => {
  const reason = `this backend does not take the transport ${transport}`
  return transport === "ws"
    ? Effect.provide(refuse(grant, "badRequest", reason), Logger.json)
    : annotateOwner(grant)(Refusals.answerHttp(request, { status: 400, reason }))
}
