import * as Effect from "effect/Effect"

const digest = (text: string) =>
  Effect.map(
    Effect.promise(() => crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))),
    (bytes) => new Uint8Array(bytes)
  )

/**
 * Whether two texts are equal, in a time that tells nothing of where they differ, nor of how long
 * they are: their hashes are compared, to the last byte.
 */
export const isSameSecret = (left: string, right: string): Effect.Effect<boolean> =>
  Effect.zipWith(digest(left), digest(right), (one, other) => {
    let difference = 0
    for (const [index, byte] of one.entries()) difference |= byte ^ (other[index] ?? 0)
    return difference === 0
  })
