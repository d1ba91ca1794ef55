/** The WebSockets of the command. */
import * as Socket from "@effect/platform/Socket"
import * as Layer from "effect/Layer"
import { WebSocket } from "ws"

/** Not Node's own: this one says why a connection did not come about. */
export const layer = Layer.succeed(
  Socket.WebSocketConstructor,
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Of a browser's it lacks `dispatchEvent`.
  (url, protocols) => new WebSocket(url, protocols) as object as globalThis.WebSocket
)
