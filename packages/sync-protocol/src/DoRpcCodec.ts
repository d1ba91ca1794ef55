/**
 * The bytes of the Durable Object RPC transport: MessagePack, with the records that LiveStore's side writes and reads.
 *
 * Inside, each side has the texts of frames, as on every other transport: so what is no JSON does not get in.
 *
 * Not in the index of this package, as it alone needs MessagePack.
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
 * The bytes of a call, or of an answer, with one frame.
 *
 * @since 0.1.0
 * @category codecs
 */
export const write = (frame: unknown): Uint8Array => new Packr(OPTIONS).pack([frame])

/**
 * Reads an answer, part by part as it comes: the frames that each part completes. The platform cuts and joins
 * them as it likes, and what is written once may be referred to later.
 *
 * Throws at what is no MessagePack.
 *
 * @since 0.1.0
 * @category codecs
 */
export const reader = (): ((part: Uint8Array) => ReadonlyArray<unknown>) => {
  const unpackr = new Unpackr(OPTIONS)
  let rest: Uint8Array = new Uint8Array(0)
  return (part) => {
    const bytes = rest.length === 0 ? part : join(rest, part)
    rest = new Uint8Array(0)
    const read = (): ReadonlyArray<unknown> => {
      try {
        return unpackr.unpackMultiple(bytes) ?? []
      } catch (error) {
        if (!isIncomplete(error)) throw error
        rest = bytes.slice(error.lastPosition)
        return error.values ?? []
      }
    }
    // Each is an array of frames, and where they were joined an array of those.
    return read().flat(2)
  }
}

const join = (first: Uint8Array, second: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(first.length + second.length)
  bytes.set(first)
  bytes.set(second, first.length)
  return bytes
}

/** What is thrown at bytes that end too early: what was read, and up to where. */
interface Incomplete {
  readonly incomplete: true
  readonly lastPosition: number
  readonly values?: ReadonlyArray<unknown>
}

const isIncomplete = (error: unknown): error is Incomplete =>
  error instanceof Error && "incomplete" in error && error.incomplete === true
