/**
 * Which kind of server is at the other end. A server of this project keeps every event as it is; LiveStore's
 * official one has two habits that a copy has to know before it writes there.
 *
 * The wire tells them apart: a server of this project closes a connection of another protocol version with
 * 4426, before it reaches the store, and the official one does not look at it.
 *
 * @since 0.1.0
 */
import * as Socket from "@effect/platform/Socket"
import { Frame, Handshake } from "@tidelog/sync-protocol"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type { SideOptions } from "./Side.ts"

/**
 * @since 0.1.0
 * @category models
 */
export type ServerKind = "tidelog" | "other"

/** No version that there will be. */
const NO_PROTOCOL = 999_999_999

const ASK_WITHIN = "10 seconds"

/**
 * Asks a server that answers. One that says nothing is `other`: to that the more careful rules apply.
 *
 * @since 0.1.0
 * @category constructors
 */
export const detect = (
  options: SideOptions
): Effect.Effect<ServerKind, never, Socket.WebSocketConstructor> =>
  Effect.gen(function* () {
    const construct = yield* Socket.WebSocketConstructor
    const answer = yield* Deferred.make<ServerKind>()
    const tell = (kind: ServerKind) => Deferred.unsafeDone(answer, Effect.succeed(kind))
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        const socket = construct(
          Handshake.connectionUrl(options.url, {
            storeId: options.storeId,
            ...(options.payload === undefined ? {} : { payload: options.payload }),
            transport: "ws",
            protocol: NO_PROTOCOL
          })
        )
        socket.addEventListener("open", () => socket.send(Frame.PING_TEXT))
        socket.addEventListener("message", () => tell("other"))
        // Followed by a close.
        socket.addEventListener("error", () => {})
        socket.addEventListener("close", ({ code }) =>
          tell(code === Handshake.CloseCode.unsupportedProtocol ? "tidelog" : "other")
        )
        return socket
      }),
      (socket) => Effect.sync(() => socket.close())
    )
    return yield* Deferred.await(answer)
  }).pipe(
    Effect.timeoutTo({
      duration: ASK_WITHIN,
      onSuccess: (kind) => kind,
      onTimeout: (): ServerKind => "other"
    }),
    Effect.scoped
  )
