/**
 * How a connection is opened, and why it is closed.
 *
 * @since 0.1.0
 */
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import { PROTOCOL_VERSION } from "./ConnectionUrl.ts"
import * as Json from "./Json.ts"

export {
  /**
   * @since 0.1.0
   * @category closing
   */
  CloseCode,
  /**
   * @since 0.1.0
   * @category closing
   */
  closeReason,
  /**
   * @since 0.1.0
   * @category closing
   */
  isRefusal
} from "./Closing.ts"
export {
  /**
   * @since 0.1.0
   * @category opening
   */
  connectionUrl,
  /**
   * @since 0.1.0
   * @category opening
   */
  PROTOCOL_VERSION,
  /**
   * @since 0.1.0
   * @category opening
   */
  SYNC_PATH
} from "./ConnectionUrl.ts"

/**
 * A store's name as its apps chose it: 1 to 1,024 UTF-16 code units, well-formed. A server takes 256 of them, if not
 * told otherwise (`Limits`).
 *
 * @since 0.1.0
 * @category schemas
 */
export const StoreId = Schema.String.pipe(
  Schema.minLength(1, { message: () => "storeId is empty" }),
  Schema.maxLength(1_024, { message: () => "storeId is longer than 1,024 characters" }),
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
  Schema.parseJson(Json.FromParsed)
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
