/** What is done to sockets whose server is out of memory, without starting it. */
import type { DurableObjectState, WebSocket } from "@cloudflare/workers-types"
import { Handshake } from "@tidelog/sync-protocol"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Logger from "effect/Logger"
import * as Attachment from "../Attachment.ts"
import type { Session } from "../Connection.ts"
import * as Deadline from "../Deadline.ts"
import { ownerOf } from "./owner.ts"
import { isOf, revoked } from "./revocation.ts"
import * as Sockets from "./sockets.ts"

type State = Pick<DurableObjectState, "getWebSockets">

/** An attachment of another version, or none: whose connection it is, only its client knows. */
export const closeUnreadable = (socket: WebSocket): Effect.Effect<void> =>
  Effect.suspend(() => {
    const code = Handshake.CloseCode.tryAgainLater
    const reason = "please connect again"
    Sockets.close(socket, code, reason)
    return Effect.logWarning("connection closed").pipe(Effect.annotateLogs({ code, reason }))
  }).pipe(Effect.provide(Logger.json))

const end = (
  { session, socket }: { readonly session: Session; readonly socket: WebSocket },
  ending: Deadline.Ending
): Effect.Effect<void> =>
  Effect.suspend(() => {
    Sockets.close(socket, ending.code, ending.reason)
    return Effect.logWarning("connection closed").pipe(
      Effect.annotateLogs({ ...ending, ...ownerOf(session) })
    )
  })

/** Whose sockets these are, as they remember it. One that was closed already remembers nothing. */
const remembered = (sockets: ReadonlyArray<WebSocket>) =>
  sockets.flatMap((socket) =>
    Either.match(Attachment.decode(socket.deserializeAttachment()), {
      onLeft: () => [],
      onRight: ({ pullBy, session }) => [
        { socket, session, times: { expiresAt: session.expiresAt, pullBy } }
      ]
    })
  )

/** The same as the server's own `closeDue`. */
export const closeDue = (state: State): Effect.Effect<number> =>
  Effect.suspend(() => Deadline.sweep(remembered(state.getWebSockets()), end)).pipe(
    Effect.provide(Logger.json)
  )

/** The same as the server's own `revoke`. */
export const revoke = (state: State, identity: unknown): Effect.Effect<number> =>
  Effect.suspend(() => {
    const isTheirs = isOf(identity)
    const theirs = remembered(state.getWebSockets()).filter(({ session }) => isTheirs(session))
    return Effect.as(
      Effect.forEach(theirs, (it) => end(it, revoked), { discard: true }),
      theirs.length
    )
  }).pipe(Effect.provide(Logger.json))
