import type { WebSocket } from "@cloudflare/workers-types"
import { Handshake } from "@tidelog/sync-protocol"
import * as Attachment from "../Attachment.ts"
import type { Connection, Session } from "../Connection.ts"

/** A socket that is already gone throws; its end is told by other ways. */
const quietly = (use: () => void): void => {
  try {
    use()
  } catch {
    // Nothing to do: see above.
  }
}

/**
 * Whether a socket is open: one that was closed from our side stays with the object until its other
 * end answers, and what it still sends is for nobody.
 */
export const isOpen = (socket: WebSocket): boolean =>
  socket.readyState === OPEN && socket.deserializeAttachment() !== CLOSED

/** As the standard has it. */
const OPEN = 1

/** The attachment of a socket that was closed. The platform may forget its state, but not this. */
const CLOSED = "closed"

/** A hibernating socket as a connection. `closed`: told when it is closed from our side. */
export const toConnection = (
  socket: WebSocket,
  session: Session,
  closed: () => void
): Connection => {
  const encode = Attachment.encoder(session)
  return {
    session,
    send: (frame) => quietly(() => socket.send(frame)),
    close: (code, reason) => {
      close(socket, code, reason)
      closed()
    },
    save: (state) => quietly(() => socket.serializeAttachment(encode(state)))
  }
}

/**
 * Closes a socket for good. Until the other side answers, its frames still arrive, also at an object
 * that has lost its memory meanwhile: by the attachment that finds nobody behind them.
 */
export const close = (socket: WebSocket, code: number, reason: string): void => {
  quietly(() => socket.serializeAttachment(CLOSED))
  quietly(() => socket.close(code, Handshake.closeReason(reason)))
}

/** Codes that a peer's close may be reported with, and that no close frame may carry. */
const UNSENDABLE = new Set([1005, 1006, 1015])

/**
 * Answers a close. Without an answer the other side would wait for one, and then see 1006.
 */
export const answerClose = (socket: WebSocket, code: number, reason: string): void =>
  close(socket, UNSENDABLE.has(code) ? Handshake.CloseCode.normal : code, reason)

/**
 * A response that opens a WebSocket only to say why it is closed: a browser can read nothing else.
 */
export const refuse = (code: number, reason: string): Response => {
  const { 0: client, 1: server } = new WebSocketPair()
  server.accept()
  server.close(code, Handshake.closeReason(reason))
  return new Response(null, { status: 101, webSocket: client })
}
