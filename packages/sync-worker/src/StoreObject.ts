/**
 * One store's server inside a Durable Object: sockets that outlive its memory, and one runtime
 * for as long as it is in memory.
 *
 * @since 0.1.0
 */
import type { DurableObjectState, WebSocket } from "@cloudflare/workers-types"
import { Frame, Handshake, Limits } from "@tidelog/sync-protocol"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"
import * as AdminOperation from "./AdminOperation.ts"
import { Alarm } from "./Alarm.ts"
import * as Attachment from "./Attachment.ts"
import { CloudflareEnv, ObjectStorage } from "./CloudflareEnv.ts"
import type { Connection, Session } from "./Connection.ts"
import * as Deadline from "./Deadline.ts"
import * as ForwardHeaders from "./ForwardHeaders.ts"
import * as Grant from "./Grant.ts"
import * as Activations from "./internal/activations.ts"
import * as ObjectAlarm from "./internal/objectAlarm.ts"
import * as Sockets from "./internal/sockets.ts"
import { isUpgrade } from "./internal/upgrade.ts"
import { StoreId } from "./StoreId.ts"
import { SyncServer } from "./SyncServer.ts"
import type { SyncServerService } from "./SyncServer.ts"

/**
 * The layer of a store's server: everything it is made of, but for the store, the bindings, the
 * object's storage and its alarm.
 *
 * @since 0.1.0
 * @category models
 */
export type ServerLayer<E = never> = Layer.Layer<
  SyncServer | Limits.Limits,
  E,
  StoreId | CloudflareEnv | ObjectStorage | Alarm
>

/**
 * The part of a Durable Object's state that is used.
 *
 * @since 0.1.0
 * @category models
 */
export type ObjectState = Pick<
  DurableObjectState,
  "acceptWebSocket" | "getWebSockets" | "setWebSocketAutoResponse" | "storage"
>

/**
 * How a client may reach a store. `ws` is the one that is served today.
 *
 * @since 0.1.0
 * @category models
 */
export type Transport = "ws" | "http" | "do-rpc"

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

  /** Runs an `AdminOperation` that has come as text, and answers as text. */
  readonly admin: (operation: string) => Effect.Effect<string>
}

/** The server while it is in memory. */
interface Activation {
  readonly runtime: Runtime.Runtime<SyncServer | Limits.Limits>
  readonly run: (effect: Effect.Effect<void>) => Promise<void>
  readonly server: SyncServerService
  readonly limits: Limits.LimitsService
  readonly dispose: Effect.Effect<void>
  readonly connections: Map<WebSocket, Connection>
}

/** The server could not be started. The object tries again with the next request. */
class StartFailed extends Schema.TaggedError<StartFailed>("@tidelog/sync-worker/StartFailed")(
  "StartFailed",
  { cause: Schema.Defect }
) {}

/** The platform resets an object whose start takes 30 s. */
const START_DEADLINE = "25 seconds"

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = <E>(options: {
  readonly state: ObjectState
  readonly env: object
  readonly layer: ServerLayer<E>
  readonly forwardHeaders?: ForwardHeaders.ForwardHeaders
  /** The transports that connections may use. */
  readonly enabledTransports?: Iterable<Transport>
}): StoreObject => {
  const { env, forwardHeaders = [], layer, state } = options
  const transports = new Set(options.enabledTransports ?? DEFAULT_TRANSPORTS)
  state.setWebSocketAutoResponse(new WebSocketRequestResponsePair(Frame.PING_TEXT, Frame.PONG_TEXT))

  const alarm = ObjectAlarm.make(state.storage)

  const start = (storeId: Handshake.StoreId): Effect.Effect<Activation, StartFailed> => {
    const managed = ManagedRuntime.make(
      Layer.provide(
        layer,
        Layer.mergeAll(
          StoreId.layer(storeId),
          Layer.succeed(CloudflareEnv, env),
          Layer.succeed(ObjectStorage, state.storage),
          Layer.succeed(Alarm, alarm)
        )
      )
    )
    return managed.runtimeEffect.pipe(
      Effect.map((runtime) => ({
        runtime,
        run: Runtime.runPromise(runtime),
        server: Context.get(runtime.context, SyncServer),
        limits: Context.get(runtime.context, Limits.Limits),
        dispose: managed.disposeEffect,
        connections: new Map<WebSocket, Connection>()
      })),
      Effect.tap((active) => Effect.provide(resume(active), active.runtime)),
      Effect.timeout(START_DEADLINE),
      Effect.mapError((cause) => new StartFailed({ cause })),
      Effect.catchAllDefect((cause) => new StartFailed({ cause })),
      Effect.tapError(({ cause }) =>
        Effect.zipRight(
          managed.disposeEffect,
          Effect.logError("the store could not be opened", Cause.fail(cause)).pipe(
            Effect.annotateLogs({ storeId }),
            // The layer brings its own logger, but it did not come to be.
            Effect.provide(Logger.json)
          )
        )
      )
    )
  }

  /** Takes up the sockets that outlived the object's memory. */
  const resume = ({ connections, server }: Activation) =>
    Effect.forEach(
      state.getWebSockets(),
      (socket) => {
        const attachment = Attachment.decode(socket.deserializeAttachment())
        if (Either.isLeft(attachment)) return closeUnreadable(socket)
        const { session, ...state } = attachment.right
        const connection = Sockets.toConnection(socket, session)
        connections.set(socket, connection)
        return server.connect(connection, state)
      },
      { discard: true }
    )

  const accept = Effect.fnUntraced(function* (
    { connections, limits, server }: Activation,
    grant: Grant.Grant,
    request: Request
  ) {
    const headers = ForwardHeaders.pick(request, forwardHeaders)
    if (Either.isLeft(headers)) {
      yield* Effect.logError("forwardHeaders failed", Cause.fail(headers.left)).pipe(
        Effect.annotateLogs({ storeId: grant.storeId, connectionId: grant.connectionId })
      )
      return Sockets.refuse(Handshake.CloseCode.internalError, "the server made a mistake")
    }
    const session: Session = { ...grant, headers: headers.right }
    if (!Attachment.fits(session, limits.maxSubscriptions)) {
      const reason = "payload, identity and headers are too large to be kept with the connection"
      return yield* refuse(grant, "payloadTooLarge", reason)
    }
    if (connections.size >= limits.maxSockets) {
      const reason = `the store has ${limits.maxSockets} connections, and takes no more just now`
      return yield* refuse(grant, "tryAgainLater", reason)
    }
    const { 0: client, 1: socket } = new WebSocketPair()
    state.acceptWebSocket(socket)
    const connection = Sockets.toConnection(socket, session)
    connections.set(socket, connection)
    yield* server.connect(connection)
    return new Response(null, { status: 101, webSocket: client })
  })

  const activations = Activations.make(start)

  /** The server of a socket: in memory, or started for the store that the socket remembers. */
  const activationOf = (socket: WebSocket): Effect.Effect<Activation | undefined, StartFailed> =>
    Effect.suspend(() => {
      const pending = activations.pending()
      if (pending !== undefined) return pending
      const attachment = Attachment.decode(socket.deserializeAttachment())
      return Either.isLeft(attachment)
        ? Effect.as(closeUnreadable(socket), undefined)
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

  /** The same as the server's `closeDue`, of a server that is out of memory: it is not started. */
  const closeDue = Effect.suspend(() =>
    Deadline.sweep(
      state.getWebSockets().flatMap((socket) =>
        Either.match(Attachment.decode(socket.deserializeAttachment()), {
          onLeft: () => [],
          onRight: ({ pullBy, session }) => [
            { socket, session, times: { expiresAt: session.expiresAt, pullBy } }
          ]
        })
      ),
      ({ session, socket }, end) => {
        Sockets.close(socket, end.code, end.reason)
        const { connectionId, storeId } = session
        return Effect.logWarning("connection closed").pipe(
          Effect.annotateLogs({ ...end, storeId, connectionId })
        )
      }
    )
  ).pipe(Effect.provide(Logger.json))

  /** Everything that is left of the object. Its alarm goes with it only on newer platforms. */
  const deleteAll = Effect.tryPromise(() => state.storage.deleteAlarm()).pipe(
    Effect.zipRight(Effect.tryPromise(() => state.storage.deleteAll())),
    Effect.ignoreLogged,
    Effect.zipRight(Effect.sync(alarm.gone)),
    Effect.provide(Logger.json)
  )

  /**
   * Runs an operation. One that replaces the log is alone with it: whoever connects meanwhile is put
   * off, and afterwards the server is started again.
   */
  const operate = (storeId: Handshake.StoreId, operation: AdminOperation.Operation) =>
    Effect.flatMap(activations.get(storeId), (active) => {
      const run = AdminOperation.run(active.server.admin, operation).pipe(
        Effect.annotateLogs({ storeId }),
        Effect.provide(active.runtime)
      )
      if (!AdminOperation.replacesLog(operation)) return run
      return activations.replace(
        new StartFailed({ cause: new Error("the log is being replaced") }),
        run.pipe(
          // Before anybody can open the store anew, and lose what they store in it.
          Effect.tap(() => (operation._tag === "Delete" ? deleteAll : Effect.void)),
          Effect.ensuring(active.dispose)
        )
      )
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

    admin: (text) =>
      AdminOperation.answer(text, (storeId, operation) =>
        operate(storeId, operation).pipe(
          Effect.catchTag(
            "StartFailed",
            () => new AdminOperation.StoreUnavailable({ message: CANNOT_OPEN })
          )
        )
      ),

    fetch: (request) => {
      const grant = Grant.decode(request.headers.get(Grant.HEADER))
      if (Either.isLeft(grant)) return Effect.succeed(new Response("Forbidden\n", { status: 403 }))
      const transport = transportOf(request)
      if (!transports.has(transport)) {
        return Effect.as(
          Effect.logWarning("connection refused").pipe(
            Effect.annotateLogs({ transport, storeId: grant.right.storeId }),
            Effect.provide(Logger.json)
          ),
          refuseTransport(transport)
        )
      }
      return activations.get(grant.right.storeId).pipe(
        Effect.flatMap((active) =>
          Effect.provide(accept(active, grant.right, request), active.runtime)
        ),
        Effect.catchTag("StartFailed", () =>
          Effect.sync(() => Sockets.refuse(Handshake.CloseCode.tryAgainLater, CANNOT_OPEN))
        )
      )
    },

    message: (socket, data) => {
      const receive = (active: Activation | undefined): Promise<void> => {
        const connection = active?.connections.get(socket)
        if (active === undefined || connection === undefined) return Promise.resolve()
        const frame = typeof data === "string" ? data : new Uint8Array(data)
        return active.run(active.server.receive(connection, frame))
      }
      const current = activations.current()
      if (current !== undefined) return receive(current)
      return activationOf(socket).pipe(
        Effect.flatMap((active) => Effect.promise(() => receive(active))),
        Effect.catchTag("StartFailed", () =>
          Effect.sync(() => Sockets.close(socket, Handshake.CloseCode.tryAgainLater, CANNOT_OPEN))
        ),
        Effect.runPromise
      )
    },

    closed: (socket, code, reason) =>
      Effect.zipRight(
        forget(socket),
        Effect.sync(() => Sockets.answerClose(socket, code, reason))
      ),

    failed: forget
  }
}

/** Refuses a connection in words that its client can read. */
const refuse = (grant: Grant.Grant, name: keyof typeof Handshake.CloseCode, reason: string) => {
  const code = Handshake.CloseCode[name]
  const { connectionId, storeId } = grant
  return Effect.logWarning("connection refused").pipe(
    Effect.annotateLogs({ code, reason, storeId, connectionId }),
    Effect.as(Sockets.refuse(code, reason))
  )
}

const CANNOT_OPEN = "the store cannot be opened just now"

/** An attachment of another version, or none: whose connection it is, only its client knows. */
const closeUnreadable = (socket: WebSocket): Effect.Effect<void> =>
  Effect.suspend(() => {
    const code = Handshake.CloseCode.tryAgainLater
    const reason = "please connect again"
    Sockets.close(socket, code, reason)
    return Effect.logWarning("connection closed").pipe(Effect.annotateLogs({ code, reason }))
  }).pipe(Effect.provide(Logger.json))

const DEFAULT_TRANSPORTS: Iterable<Transport> = ["ws"]

const transportOf = (request: Request): Transport => (isUpgrade(request) ? "ws" : "http")

const refuseTransport = (transport: Transport): Response => {
  const reason = `this backend does not take the transport ${transport}`
  return transport === "ws"
    ? Sockets.refuse(Handshake.CloseCode.badRequest, reason)
    : new Response(`${reason}\n`, { status: 400 })
}
