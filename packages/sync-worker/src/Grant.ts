/**
 * What the Worker tells the object about a connection that it has let in.
 *
 * It travels as a header of the upgrade request. The object can only be reached through the
 * Worker, which sets the header itself, whatever the client sent under that name.
 *
 * @since 0.1.0
 */
import { Handshake, Json } from "@tidelog/sync-protocol"
import * as Schema from "effect/Schema"

/**
 * The header that carries a grant from the Worker to the object. A client's own is overwritten.
 *
 * @since 0.1.0
 * @category constants
 */
export const HEADER = "x-tidelog-grant"

/**
 * What the Worker has found out about a connection that it lets in.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Grant = Schema.Struct({
  connectionId: Schema.String,
  storeId: Handshake.StoreId,
  payload: Schema.optional(Json.FromParsed),
  identity: Schema.optional(Schema.Unknown),
  /** When the authorisation ends, in milliseconds since the epoch. */
  expiresAt: Schema.optional(Schema.Number)
})

/**
 * @since 0.1.0
 * @category models
 */
export type Grant = typeof Grant.Type

/** A header holds ASCII only. */
const FromHeader = Schema.compose(Schema.StringFromUriComponent, Schema.parseJson(Grant))

/**
 * Reads the header.
 *
 * @since 0.1.0
 * @category codecs
 */
export const decode = Schema.decodeUnknownEither(FromHeader)

/**
 * Writes the header.
 *
 * @since 0.1.0
 * @category codecs
 */
export const encode = Schema.encodeSync(FromHeader)
