import type { DurableObjectState, WebSocket } from "@cloudflare/workers-types"
import { Handshake } from "@tidelog/sync-protocol"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"
import { Alarm } from "../Alarm.ts"
import type { AlarmService } from "../Alarm.ts"
import * as Attachment from "../Attachment.ts"
import { CloudflareEnv, ObjectStorage } from "../CloudflareEnv.ts"
import type { Connection, Session } from "../Connection.ts"
import { StoreId } from "../StoreId.ts"
import { SyncServer } from "../SyncServer.ts"
import type { SyncServerService } from "../SyncServer.ts"
import * as Farewell from "./farewell.ts"
import { ownerOf } from "./owner.ts"
import * as Sleeping from "./sleeping.ts"
import * as Sockets from "./sockets.ts"

/**
 * The layer of a store's server: everything it is made of, but for the store, the bindings, the
 * object's storage and its alarm.
 *
 * @since 0.1.0
 * @category models
 */
export type ServerLayer<E = never> = Layer.Layer<
  SyncServer,
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

/** A store's server while it is in memory, with its sockets. */
export interface LiveServer {
  readonly storeId: Handshake.StoreId
  readonly runtime: Runtime.Runtime<SyncServer>
  readonly run: (effect: Effect.Effect<void>) => Promise<void>
  readonly server: SyncServerService
  readonly dispose: Effect.Effect<void>
  /** Those that are open: not those that were closed, and whose other end does not answer. */
  readonly connections: Map<WebSocket, Connection>
}

/** A socket as a connection of a server, for as long as it is open. */
export const open = (
  { connections }: Pick<LiveServer, "connections">,
  socket: WebSocket,
  session: Session
): Connection => {
  const connection = Sockets.toConnection(socket, session, () => connections.delete(socket))
  connections.set(socket, connection)
  return connection
}

/**
 * The server could not be started. The object tries again with the next request. `reason`: what its
 * clients are told.
 */
export class StartFailed extends Schema.TaggedError<StartFailed>(
  "@tidelog/sync-worker/StartFailed"
)("StartFailed", { reason: Schema.String, cause: Schema.Defect }) {}

export const CANNOT_OPEN = "the store cannot be opened just now"

/** The platform resets an object whose start takes 30 s. */
const DEADLINE = "25 seconds"

/** Builds the server of a store, and gives it the sockets that outlived the object's memory. */
export const start =
  <E>(options: {
    readonly state: ObjectState
    readonly env: object
    readonly layer: ServerLayer<E>
    readonly alarm: AlarmService
  }) =>
  (storeId: Handshake.StoreId): Effect.Effect<LiveServer, StartFailed> => {
    const { alarm, env, layer, state } = options
    const managed = ManagedRuntime.make(
      Layer.provide(
        layer,
        Layer.mergeAll(
          Layer.succeed(StoreId, storeId),
          Layer.succeed(CloudflareEnv, env),
          Layer.succeed(ObjectStorage, state.storage),
          Layer.succeed(Alarm, alarm)
        )
      )
    )
    return managed.runtimeEffect.pipe(
      Effect.map((runtime) => ({
        storeId,
        runtime,
        run: Runtime.runPromise(runtime),
        server: Context.get(runtime.context, SyncServer),
        dispose: managed.disposeEffect,
        connections: new Map<WebSocket, Connection>()
      })),
      Effect.tap((live) => Effect.provide(resume(state, live), live.runtime)),
      Effect.timeout(DEADLINE),
      Effect.mapError((cause) => new StartFailed({ reason: CANNOT_OPEN, cause })),
      Effect.catchAllDefect((cause) => new StartFailed({ reason: CANNOT_OPEN, cause })),
      Effect.tapError(({ cause }) =>
        Effect.logError("the store could not be opened", Cause.fail(cause)).pipe(
          Effect.zipRight(Farewell.letGo(managed.disposeEffect)),
          Effect.annotateLogs({ storeId }),
          // The layer brings its own logger, but it did not come to be.
          Effect.provide(Logger.json)
        )
      )
    )
  }

/** Why it takes no more connections just now, if it does not. */
export const findFull = ({
  connections,
  server: { limits }
}: Pick<LiveServer, "connections" | "server">): string | undefined =>
  connections.size >= limits.maxSockets
    ? `the store has ${limits.maxSockets} connections, and takes no more just now`
    : undefined

/** Ends a server that is not used any more. */
export const letGo = ({ dispose, storeId }: LiveServer): Effect.Effect<void> =>
  Effect.annotateLogs(Farewell.letGo(dispose), { storeId })

const resume = (state: Pick<ObjectState, "getWebSockets">, live: LiveServer) =>
  Effect.forEach(
    state.getWebSockets().filter(Sockets.isOpen),
    (socket) => {
      const attachment = Attachment.decode(socket.deserializeAttachment())
      if (Either.isLeft(attachment)) return Sleeping.closeUnreadable(socket)
      const { session, ...kept } = attachment.right
      return live.server.connect(open(live, socket, session), kept)
    },
    { discard: true }
  )

/** Puts off a connection whose server is not there, and cannot be started. */
export const putOff = (socket: WebSocket, reason: string): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (!Sockets.isOpen(socket)) return Effect.void
    const attachment = Attachment.decode(socket.deserializeAttachment())
    const owner = Either.match(attachment, {
      onLeft: () => ({}),
      onRight: ({ session }) => ownerOf(session)
    })
    const code = Handshake.CloseCode.tryAgainLater
    Sockets.close(socket, code, reason)
    return Effect.logWarning("connection closed").pipe(
      Effect.annotateLogs({ code, reason, ...owner })
    )
  }).pipe(Effect.provide(Logger.json))
