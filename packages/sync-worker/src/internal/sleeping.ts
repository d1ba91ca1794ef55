/** What is done to sockets whose server is out of memory, without starting it. */
import type { DurableObjectState, WebSocket } from "@cloudflare/workers-types"
import { Handshake } from "@tidelog/sync-protocol"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Logger from "effect/Logger"
import * as Attachment from "../Attachment.ts"
import * as Deadline from "../Deadline.ts"
import * as Sockets from "./sockets.ts"

/** An attachment of another version, or none: whose connection it is, only its client knows. */
export const closeUnreadable = (socket: WebSocket): Effect.Effect<void> =>
  Effect.suspend(() => {
    const code = Handshake.CloseCode.tryAgainLater
    const reason = "please connect again"
    Sockets.close(socket, code, reason)
    return Effect.logWarning("connection closed").pipe(Effect.annotateLogs({ code, reason }))
  }).pipe(Effect.provide(Logger.json))

/** The same as the server's own `closeDue`. */
export const closeDue = (state: Pick<DurableObjectState, "getWebSockets">): Effect.Effect<number> =>
  Effect.suspend(() =>
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
