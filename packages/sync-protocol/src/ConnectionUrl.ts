/**
 * The URL that a connection is opened with. Written by hand, because every app carries it; the tests hold it
 * equal to what `Handshake.SearchParams` reads. It needs of `URL` only that it tells what is one, which is all
 * that React Native's can do.
 *
 * @since 0.1.0
 */
import type { SearchParams } from "./Handshake.ts"

/**
 * The version of this protocol. A client names it when it connects; one that does not speaks 1.
 *
 * @since 0.1.0
 * @category constants
 */
export const PROTOCOL_VERSION = 1

/**
 * The path, below the base URL, at which a server of this project is found.
 *
 * @since 0.1.0
 * @category constants
 */
export const SYNC_PATH = "/websocket"

const OWN_PARAMS = /^(?:storeId|payload|transport|protocol)=/

/**
 * The URL of a connection: `base` with its scheme made a WebSocket's, `/websocket` below its path,
 * and the search params beside those it already has. `payload`: what JSON can hold.
 *
 * `base`: a `ws:`, `wss:`, `http:` or `https:` URL, with a path, a query, or neither. Throws a
 * `TypeError` if it is none of these, a `RangeError` or a `URIError` if storeId is none.
 *
 * @since 0.1.0
 * @category urls
 */
export const connectionUrl = (
  base: string,
  params: Omit<SearchParams, "payload"> & { readonly payload?: unknown }
): string => {
  const { payload, protocol, storeId, transport } = params
  const [, scheme, place, query = ""] =
    /^(?:http|ws)(s?):(\/\/[^?#]+)\??([^#]*)/i.exec(base.trim()) ?? []
  if (place === undefined) {
    throw new TypeError("a sync URL starts with ws://, wss://, http:// or https://")
  }
  // For what it throws.
  void new URL(base)
  if (storeId.length < 1 || storeId.length > 1_024) throw new RangeError("storeId")
  const search = query.split("&").filter((param) => param !== "" && !OWN_PARAMS.test(param))
  search.push(`storeId=${encodeURIComponent(storeId)}`)
  if (payload !== undefined) {
    search.push(`payload=${encodeURIComponent(encodeURIComponent(JSON.stringify(payload)))}`)
  }
  search.push(`transport=${transport}`, `protocol=${protocol}`)
  const path = place.replace(new RegExp(`(?:${SYNC_PATH})?/*$`), "")
  return `ws${scheme}:${path}${SYNC_PATH}?${search.join("&")}`
}
