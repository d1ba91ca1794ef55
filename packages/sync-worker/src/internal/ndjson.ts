import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

/** A line that cannot be read. `line`: from 1. */
export class UnreadableLine extends Data.TaggedError("UnreadableLine")<{
  readonly line: number
  readonly message: string
}> {}

/** The bytes of a line, without its line feed. `line`: from 1. */
export interface Line {
  readonly line: number
  readonly bytes: Uint8Array
}

const LINE_FEED = 0x0a

const join = (pieces: ReadonlyArray<Uint8Array>, length: number): Uint8Array => {
  const [first] = pieces
  if (pieces.length === 1 && first !== undefined) return first
  const joined = new Uint8Array(length)
  let at = 0
  for (const piece of pieces) {
    joined.set(piece, at)
    at += piece.length
  }
  return joined
}

const makeSplitter = (maxBytes: number) => {
  let pieces: Array<Uint8Array> = []
  let length = 0
  let line = 0
  let fault: UnreadableLine | undefined

  /** Whether there is room for it. */
  const keep = (piece: Uint8Array): boolean => {
    if (length + piece.length > maxBytes) {
      const message = `the line is longer than ${maxBytes} bytes`
      fault = new UnreadableLine({ line: line + 1, message })
      return false
    }
    pieces.push(piece)
    length += piece.length
    return true
  }

  const next = (): Line => {
    const bytes = join(pieces, length)
    pieces = []
    length = 0
    line += 1
    return { line, bytes }
  }

  /** What stands before a fault is still told: the fault comes with the next call. */
  const split = (bytes: Uint8Array): ReadonlyArray<Line> => {
    const lines: Array<Line> = []
    let start = 0
    for (;;) {
      const end = bytes.indexOf(LINE_FEED, start)
      if (!keep(bytes.subarray(start, end === -1 ? bytes.length : end)) || end === -1) return lines
      lines.push(next())
      start = end + 1
    }
  }

  const checked = <A>(take: () => A): Effect.Effect<A, UnreadableLine> =>
    Effect.suspend(() => (fault === undefined ? Effect.sync(take) : Effect.fail(fault)))

  return {
    feed: (bytes: Uint8Array) => checked(() => split(bytes)),
    end: checked(() => (length === 0 ? [] : [next()]))
  }
}

/**
 * The lines of a text as it comes in, those of each piece together. No more of it is held than a
 * piece and one line. `maxBytes`: of a line.
 */
export const lines =
  (maxBytes: number) =>
  <E, R>(
    bytes: Stream.Stream<Uint8Array, E, R>
  ): Stream.Stream<ReadonlyArray<Line>, E | UnreadableLine, R> =>
    Stream.suspend(() => {
      const { end, feed } = makeSplitter(maxBytes)
      return Stream.concat(Stream.mapEffect(bytes, feed), Stream.fromEffect(end))
    })

/** The text of a line. */
export const decode = ({ bytes, line }: Line) =>
  Effect.try({
    try: () => ({
      line,
      text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes)
    }),
    catch: () => new UnreadableLine({ line, message: "the line is no UTF-8" })
  })
