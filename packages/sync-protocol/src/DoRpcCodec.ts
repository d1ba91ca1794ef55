/**
 * The bytes of the Durable Object RPC transport, in two kinds: MessagePack, with the records that LiveStore's side
 * writes and reads, and the texts of frames, each with a newline behind it. MessagePack changes a text with half a
 * surrogate pair in it; JSON does not. Neither kind begins as the other does.
 *
 * Not in the index of this package, as it alone needs MessagePack.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
// Not the index: in Node it reads texts ahead, and cannot stop in the middle of one.
import { Packr } from "msgpackr/pack"
import { Unpackr } from "msgpackr/unpack"

/**
 * A header of a call in MessagePack whose sender would rather have the answer in texts.
 *
 * @since 0.1.0
 * @category constants
 */
export const WANTS_TEXT: readonly [name: string, value: string] = ["x-tidelog-answer", "text"]

/** Objects that are written as records come back as objects; as maps they would not. */
const OPTIONS = { useRecords: true }

/** How a text begins: no array of MessagePack does. */
const BRACE = "{".charCodeAt(0)

const isText = (bytes: Uint8Array): boolean => bytes[0] === BRACE

/**
 * A call: the text of its frame, and whether it is answered in texts.
 *
 * @since 0.1.0
 * @category models
 */
export interface Call {
  readonly text: string
  readonly inText: boolean
}

/**
 * Reads a call, or says why there is none.
 *
 * @since 0.1.0
 * @category codecs
 */
export const readCall = (bytes: Uint8Array): Either.Either<Call, unknown> =>
  Either.try(() => {
    if (isText(bytes)) {
      return { text: new TextDecoder("utf-8", { fatal: true }).decode(bytes), inText: true }
    }
    const value: unknown = new Unpackr(OPTIONS).unpack(bytes)
    if (!Array.isArray(value) || value.length !== 1) throw new TypeError("not one request")
    const text = JSON.stringify(value[0])
    return { text, inText: text.includes(JSON.stringify(WANTS_TEXT)) }
  })

/**
 * The bytes of a call, or of an answer or a part of one, with one frame.
 *
 * @since 0.1.0
 * @category codecs
 */
export const write = (frame: unknown, options: { readonly inText: boolean }): Uint8Array =>
  options.inText
    ? new TextEncoder().encode(`${JSON.stringify(frame)}\n`)
    : new Packr(OPTIONS).pack([frame])

/**
 * Reads an answer, of either kind, part by part: the platform cuts and joins them as it likes. Each gives the frames
 * that are complete by then; where that takes long to find out, some later, and the last with `end`.
 *
 * Both throw at what is no such answer.
 *
 * @since 0.1.0
 * @category models
 */
export interface Reader {
  readonly read: (part: Uint8Array) => ReadonlyArray<unknown>
  readonly end: () => ReadonlyArray<unknown>
  /** Whether it comes in texts, as far as it has come. */
  readonly inText: () => boolean
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const reader = (): Reader => {
  let kind: Reader | undefined
  return {
    read: (part) => {
      kind ??= isText(part) ? textReader() : recordReader()
      return kind.read(part)
    },
    end: () => kind?.end() ?? [],
    inText: () => kind?.inText() ?? false
  }
}

const textReader = (): Reader => {
  const decoder = new TextDecoder("utf-8", { fatal: true })
  /** Of a frame that is not complete. */
  let begun: Array<string> = []
  const read = (text: string): ReadonlyArray<unknown> => {
    const lines = text.split("\n")
    const rest = lines.pop() ?? ""
    const frames = lines.map((line, index): unknown =>
      JSON.parse(index === 0 ? begun.join("") + line : line)
    )
    begun = frames.length === 0 ? [...begun, rest] : [rest]
    return frames
  }
  return {
    read: (part) => read(decoder.decode(part, { stream: true })),
    end: () => {
      const frames = read(decoder.decode())
      if (begun.join("") !== "") throw new TypeError("the last frame is not complete")
      return frames
    },
    inText: () => true
  }
}

/** What has come is looked through from the start of a frame, and a frame may come in many small parts. */
const LOOKS_AFTER = 65_536

const recordReader = (): Reader => {
  // What is written once may be referred to later.
  const unpackr = new Unpackr(OPTIONS)
  let parts: Array<Uint8Array> = []
  let fresh = 0
  const look = (): ReadonlyArray<unknown> => {
    const bytes = join(parts)
    parts = []
    fresh = 0
    if (bytes.length === 0) return []
    try {
      // Each is an array of frames, and where they were joined an array of those.
      return (unpackr.unpackMultiple(bytes) ?? []).flat(2)
    } catch (error) {
      if (!isIncomplete(error)) throw error
      parts = [bytes.slice(error.lastPosition)]
      return (error.values ?? []).flat(2)
    }
  }
  return {
    read: (part) => {
      parts.push(part)
      fresh += part.length
      return fresh < LOOKS_AFTER ? [] : look()
    },
    end: () => {
      const frames = look()
      if (parts.length > 0) throw new TypeError("the last frame is not complete")
      return frames
    },
    inText: () => false
  }
}

const join = (parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
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
