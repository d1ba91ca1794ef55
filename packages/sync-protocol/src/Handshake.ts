/**
 * How a connection is opened, and why it is closed.
 *
 * @since 0.1.0
 */
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"

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

/**
 * A store's name as its apps chose it: 1 to 256 UTF-16 code units, well-formed.
 *
 * @since 0.1.0
 * @category schemas
 */
export const StoreId = Schema.String.pipe(
  Schema.minLength(1, { message: () => "storeId is empty" }),
  Schema.maxLength(256, { message: () => "storeId is longer than 256 characters" }),
  Schema.filter((id) => id.isWellFormed() || "storeId is not well-formed Unicode")
)

/**
 * @since 0.1.0
 * @category models
 */
export type StoreId = typeof StoreId.Type

/**
 * Any JSON value, encoded as LiveStore puts it into a URL: as JSON, then as a URI component. The
 * search params encode the result once more.
 */
const PayloadParam = Schema.compose(
  Schema.StringFromUriComponent,
  Schema.parseJson(Schema.Unknown)
).pipe(
  Schema.UndefinedOr,
  // The default message quotes what it could not read, and a payload holds tokens.
  Schema.annotations({
    message: () => ({ message: "payload is not URI-encoded JSON", override: true })
  })
)

const ProtocolParam = Schema.transformOrFail(Schema.String, Schema.Int, {
  strict: true,
  decode: (text, _, ast) =>
    /^[0-9]{1,9}$/.test(text)
      ? ParseResult.succeed(Number(text))
      : ParseResult.fail(new ParseResult.Type(ast, text, "protocol is not a number")),
  encode: (version) => ParseResult.succeed(String(version))
})

/**
 * The search params of the URL that opens a connection.
 *
 * - `storeId`: which store.
 * - `payload`: the app's `syncPayload`, whatever its authorisation asks for; absent if it has none.
 * - `transport`: `ws`, or `http` for a request that is a POST; absent at `/websocket` means `ws`.
 * - `protocol`: absent means 1.
 *
 * @since 0.1.0
 * @category schemas
 */
export const SearchParams = Schema.Struct({
  storeId: StoreId,
  payload: Schema.optionalWith(PayloadParam, { exact: true }),
  transport: Schema.optionalWith(Schema.Literal("ws", "http"), { default: () => "ws" as const }),
  protocol: Schema.optionalWith(ProtocolParam, { default: () => PROTOCOL_VERSION })
})

/**
 * @since 0.1.0
 * @category models
 */
export type SearchParams = typeof SearchParams.Type

/**
 * The URL of a connection: `base` with its scheme made a WebSocket's, `/websocket` below its path,
 * and the search params beside those it already has.
 *
 * `base`: a `ws:`, `wss:`, `http:` or `https:` URL, with a path, a query, or neither. Throws a
 * `TypeError` if it is none of these, as the `URL` constructor does for what is no URL.
 *
 * @since 0.1.0
 * @category urls
 */
export const connectionUrl = (base: string, params: SearchParams): string => {
  const url = new URL(base)
  if (url.protocol === "http:") url.protocol = "ws:"
  if (url.protocol === "https:") url.protocol = "wss:"
  if (url.protocol !== "ws:" && url.protocol !== "wss:") {
    throw new TypeError(`a sync URL starts with ws:, wss:, http: or https:, not ${url.protocol}`)
  }
  const path = url.pathname.replace(/\/+$/, "")
  url.pathname = path.endsWith(SYNC_PATH) ? path : `${path}${SYNC_PATH}`
  url.hash = ""
  for (const [name, value] of Object.entries(Schema.encodeSync(SearchParams)(params))) {
    if (value !== undefined) url.searchParams.set(name, value)
  }
  return url.toString()
}

/**
 * The codes that a server closes a connection with.
 *
 * `1xxx` codes are the WebSocket protocol's own and pass: the client reconnects and resumes. `44xx`
 * codes are this project's and do not: connecting again in the same way ends in the same way.
 *
 * @since 0.1.0
 * @category constants
 */
export const CloseCode = {
  /** A deliberate end, in peace. */
  normal: 1000,
  /** A frame that is not of this protocol. */
  invalidFrame: 1007,
  /** The connection is not used as it is meant to be: too many frames, or no pull. */
  policyViolation: 1008,
  /** A frame over the limit. */
  messageTooBig: 1009,
  /** The server cannot go on with this connection; nothing is wrong with the client. */
  internalError: 1011,
  /** The log behind the connection is another one now. */
  serviceRestart: 1012,
  /** The storage does not answer just now, or the store has all the connections it may have. */
  tryAgainLater: 1013,
  /** The search params do not open a connection. */
  badRequest: 4400,
  /** Authorisation failed: who are you? */
  unauthorized: 4401,
  /** Authorisation failed: you may not. */
  forbidden: 4403,
  /** The store was deleted. */
  gone: 4410,
  /** The payload does not fit. */
  payloadTooLarge: 4413,
  /** A version of the protocol that this server does not speak. */
  unsupportedProtocol: 4426
} as const

/**
 * Whether a close code means that the same connection would be refused again, so that the client
 * stops and waits for its app.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isRefusal = (code: number): boolean => code >= 4400 && code < 4500

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { ignoreBOM: true })

/**
 * A close reason cut to the 123 bytes that a close frame has room for, never inside a character.
 *
 * Source: RFC 6455, section 5.5.
 *
 * @since 0.1.0
 * @category conversions
 */
export const closeReason = (reason: string): string => {
  const bytes = encoder.encode(reason)
  if (bytes.length <= 123) return reason
  const cut = decoder.decode(bytes.subarray(0, 123 - 3), { stream: true })
  decoder.decode()
  return `${cut}…`
}
