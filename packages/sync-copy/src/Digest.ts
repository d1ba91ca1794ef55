/**
 * The digest of a log, made event by event: the same for two logs exactly if their events are.
 *
 * SHA-256 over blocks of lines, each block with the digest of those before it in front, because the platform's
 * digest takes a whole text at a time. Where a block ends depends on its lines alone.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"

/** What ends a block. */
const BLOCK_CHARACTERS = 1_000_000

/**
 * @since 0.1.0
 * @category models
 */
export interface Digest {
  /** Adds a line. */
  readonly add: (line: string) => Effect.Effect<void>
  /** The digest of all lines so far, 64 hexadecimal digits. More may be added after it. */
  readonly hex: Effect.Effect<string>
}

/**
 * The digest of no lines.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (): Digest => {
  const encoder = new TextEncoder()
  let before = ""
  let block: Array<string> = []
  let characters = 0

  const hash = (text: string) =>
    Effect.map(
      Effect.promise(() => globalThis.crypto.subtle.digest("SHA-256", encoder.encode(text))),
      (bytes) =>
        Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("")
    )
  const digest = Effect.suspend(() => hash(`${before}\n${block.join("")}`))

  return {
    hex: digest,
    add: (line) => {
      block.push(line)
      characters += line.length
      if (characters < BLOCK_CHARACTERS) return Effect.void
      return Effect.map(digest, (hex) => {
        before = hex
        block = []
        characters = 0
      })
    }
  }
}
