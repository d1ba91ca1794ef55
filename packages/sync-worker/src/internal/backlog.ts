/** What frames may hold of an object's memory while they wait for something (SPEC: LIMIT-11). */
export interface Backlog {
  /** Takes in a frame of so many characters, or bytes. `false` if it is one too many. */
  readonly admit: (size: number) => boolean
  /** It waits no more. */
  readonly release: (size: number) => void
}

/** What a frame is told that is one too many. */
export const FULL = "the store has too much to do just now"

/**
 * Characters of all frames that wait. Each is held as its events and as the text that is stored too, so it
 * takes several times that of the object's 128 MB.
 */
const MAX = 8_000_000

/** A single one is always admitted: it has its own limit. */
export const make = (): Backlog => {
  let waiting = 0
  return {
    admit: (size) => {
      if (waiting > 0 && waiting + size > MAX) return false
      waiting += size
      return true
    },
    release: (size) => {
      waiting -= size
    }
  }
}
