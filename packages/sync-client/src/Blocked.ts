/**
 * Whether WebSockets seem to be blocked on the way to the server: a proxy may refuse them, or open them and let
 * nothing through.
 *
 * It is a suspicion. Where the server is down or the network gone it looks the same; only an answer over HTTP
 * tells.
 *
 * @since 0.1.0
 */
import * as SyncSocket from "./SyncSocket.ts"

/**
 * To be told of each WebSocket's end, and whether anything was heard on it before. One that the server itself has
 * closed got through. Once any has, a single one that did not proves nothing: servers are started again.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (): ((end: SyncSocket.ConnectionEnd, heard: boolean) => boolean) => {
  /** How many may come to nothing before it is suspected. */
  let spare = 0
  return (end, heard) => {
    const isThrough = heard || end.code !== SyncSocket.LOST
    if (isThrough) spare = 1
    else if (!end.broken) spare -= 1
    return spare < 0 && !end.broken
  }
}
