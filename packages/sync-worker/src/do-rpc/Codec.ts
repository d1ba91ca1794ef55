/**
 * The bytes of the transport: MessagePack, with the records that LiveStore's side writes and reads.
 *
 * Inside, a call is the text of its frame, as on every other transport: so what is no JSON does not get in.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import { Packr, Unpackr } from "msgpackr"

/** Objects that are written as records come back as objects; as maps they would not. */
const OPTIONS = { useRecords: true }

/**
 * The text of the frame in a call, or why there is none.
 *
 * @since 0.1.0
 * @category codecs
 */
export const readCall = (payload: Uint8Array): Either.Either<string, unknown> =>
  Either.try(() => {
    const value: unknown = new Unpackr(OPTIONS).unpack(payload)
    if (!Array.isArray(value) || value.length !== 1) throw new TypeError("not one request")
    return JSON.stringify(value[0])
  })

/**
 * The bytes of an answer with one frame.
 *
 * @since 0.1.0
 * @category codecs
 */
export const write = (frame: unknown): Uint8Array => new Packr(OPTIONS).pack([frame])
