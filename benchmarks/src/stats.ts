/** The value below which a share of the values lies; `share` from 0 to 1. */
export const quantile = (values: ReadonlyArray<number>, share: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (sorted.length - 1) * share
  const low = sorted[Math.floor(at)] ?? Number.NaN
  const high = sorted[Math.ceil(at)] ?? Number.NaN
  return low + (high - low) * (at - Math.floor(at))
}

export const median = (values: ReadonlyArray<number>): number => quantile(values, 0.5)

/** Runs something, and returns how many milliseconds it took. */
export const timed = async (run: () => Promise<unknown>): Promise<number> => {
  const start = performance.now()
  await run()
  return performance.now() - start
}

/** The middle of several values, and how far they lie apart. */
export interface Spread {
  readonly rounds: ReadonlyArray<number>
  readonly median: number
  readonly min: number
  readonly max: number
}

export const spreadOf = (rounds: ReadonlyArray<number>): Spread => ({
  rounds,
  median: median(rounds),
  min: Math.min(...rounds),
  max: Math.max(...rounds)
})
