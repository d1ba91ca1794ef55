/**
 * One WebSocket, from its opening to its end: texts in, texts out, and an end that is a value.
 *
 * @since 0.1.0
 */
import * as Socket from "@effect/platform/Socket"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Mailbox from "effect/Mailbox"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { Transport } from "./SyncStatus.ts"

/**
 * How a connection ended.
 *
 * - `code`: the code that it was closed with; 1006 if it was not closed but lost or left.
 * - `reason`: the other side's words, or this one's, for people.
 * - `broken`: it was left because what came over it made no sense, so its answers prove nothing; or there was
 *   nothing to open it with. The network is not to blame.
 *
 * @since 0.1.0
 * @category errors
 */
export class ConnectionEnd extends Schema.TaggedError<ConnectionEnd>(
  "@tidelog/sync-client/ConnectionEnd"
)("ConnectionEnd", { code: Schema.Int, reason: Schema.String, broken: Schema.Boolean }) {}

/**
 * The code of a connection that was lost, by the WebSocket standard.
 *
 * @since 0.1.0
 * @category constants
 */
export const LOST = 1006

/**
 * A connection that ended without a word, or that the client leaves.
 *
 * @since 0.1.0
 * @category constructors
 */
export const lost = (reason: string, options?: { readonly broken: boolean }): ConnectionEnd =>
  new ConnectionEnd({ code: LOST, reason, broken: options?.broken ?? false })

/** A `RequestSocket` says what it is. By hand: the Schema is code that every app would carry. */
const transportOf = (socket: object): Transport => {
  const transport = "transport" in socket ? socket.transport : undefined
  return transport === "http" || transport === "do-rpc" ? transport : "ws"
}

/**
 * An open WebSocket. None of its members throws.
 *
 * @since 0.1.0
 * @category models
 */
export interface SyncSocket {
  readonly transport: Transport
  /** The texts as they came. Fails with the end of the connection once they are taken. */
  readonly incoming: Mailbox.ReadonlyMailbox<string, ConnectionEnd>
  /** Called as each text arrives, before anybody takes it. */
  onText: (text: string) => void
  /** Sends a text. After the end it does nothing. */
  readonly send: (text: string) => void
  /** Bytes that wait to be sent, as far as the runtime tells. */
  readonly unsent: () => number
  /** Ends the connection from this side: nothing that comes later is taken in. */
  readonly end: (end: ConnectionEnd) => void
}

/** A socket may report an error after it was left. Unheard, Node would take it for a crash. */
const ignoreErrors = () => {}

const OPEN = 1

/**
 * Opens a WebSocket, and closes it with the scope. Nothing of it is heard after that, although its
 * frames may still arrive.
 *
 * @since 0.1.0
 * @category constructors
 */
export const open = (options: {
  readonly url: string
  /** In ms. */
  readonly within: number
  /** Takes secrets out of the other side's words. */
  readonly hide: (text: string) => string
}): Effect.Effect<SyncSocket, ConnectionEnd, Socket.WebSocketConstructor | Scope.Scope> =>
  Effect.gen(function* () {
    const construct = yield* Socket.WebSocketConstructor
    const incoming = yield* Mailbox.make<string, ConnectionEnd>()
    const opened = yield* Deferred.make<void, ConnectionEnd>()
    let ended = false
    const opening: Pick<SyncSocket, "onText"> = { onText: () => {} }

    const end = (reason: ConnectionEnd): void => {
      ended = true
      Deferred.unsafeDone(opened, Exit.fail(reason))
      incoming.unsafeDone(Exit.fail(reason))
    }
    const onOpen = () => Deferred.unsafeDone(opened, Exit.void)
    const onMessage = (event: MessageEvent<unknown>) => {
      if (ended) return
      if (typeof event.data !== "string") {
        return end(lost("the server sent a binary frame", { broken: true }))
      }
      opening.onText(event.data)
      incoming.unsafeOffer(event.data)
    }
    // An `error` is always followed by a `close`, and says nothing that a program may read.
    const onClose = (event: CloseEvent) => {
      const code = codeOf(event)
      end(new ConnectionEnd({ code, reason: options.hide(describe(code, event)), broken: false }))
    }

    const socket = yield* Effect.acquireRelease(
      Effect.try({
        try: () => {
          const socket = construct(options.url)
          socket.addEventListener("error", ignoreErrors)
          socket.addEventListener("open", onOpen)
          socket.addEventListener("message", onMessage)
          socket.addEventListener("close", onClose)
          return socket
        },
        // The message of what was thrown may quote the URL, and with it the payload.
        // One that the runtime lacks may still come, and the store works on: that is no reason to stop.
        catch: () =>
          lost(
            typeof WebSocket === "undefined"
              ? "this runtime has no WebSocket: pass a `webSocket` (or WebSocketConstructor) that makes one"
              : "a WebSocket could not be made"
          )
      }),
      (socket) =>
        Effect.sync(() => {
          socket.removeEventListener("open", onOpen)
          socket.removeEventListener("message", onMessage)
          socket.removeEventListener("close", onClose)
          try {
            socket.close(1000)
          } catch {
            // It is left all the same.
          }
        })
    )
    if (socket.readyState !== OPEN) {
      yield* Effect.timeoutFail(Deferred.await(opened), {
        duration: options.within,
        onTimeout: () => lost("the server did not answer")
      })
    }
    const rest: Omit<SyncSocket, "onText"> = {
      transport: transportOf(socket),
      incoming,
      end,
      unsent: () => socket.bufferedAmount,
      send: (text: string) => {
        if (ended || socket.readyState !== OPEN) return
        try {
          socket.send(text)
        } catch {
          end(lost("the connection cannot be written to"))
        }
      }
    }
    return Object.assign(opening, rest)
  })

/** Whatever the types say: React Native's may have neither a code nor a reason where the network has failed. */
type Closed = { readonly [Key in "code" | "reason"]?: unknown }

const codeOf = ({ code }: Closed): number => (typeof code === "number" && code > 0 ? code : LOST)

const describe = (code: number, { reason }: Closed): string =>
  typeof reason === "string" && reason !== ""
    ? reason
    : code === LOST
      ? "the connection was lost"
      : `the server closed the connection with ${code}`
