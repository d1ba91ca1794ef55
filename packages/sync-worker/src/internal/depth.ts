/**
 * Whether a JSON value is nested deeper than `limit` levels. By level, without recursion: the value
 * may be as deep as its sender likes.
 */
export const isDeeperThan = (value: unknown, limit: number): boolean => {
  let level: ReadonlyArray<object> = isContainer(value) ? [value] : []
  for (let depth = 0; level.length > 0; depth++) {
    if (depth >= limit) return true
    level = level.flatMap((container) => Object.values(container).filter(isContainer))
  }
  return false
}

const isContainer = (value: unknown): value is object => typeof value === "object" && value !== null
