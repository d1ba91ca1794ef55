/** How things are written for people. */

/** Takes the line away that a terminal's cursor stands on. */
export const CLEAR = "\r\u001b[K"

/** `12,345`. */
export const figure = (value: number): string => value.toLocaleString("en-US")

/** `1 event`, `12,345 events`. */
export const count = (value: number, thing: string): string =>
  `${figure(value)} ${thing}${value === 1 ? "" : "s"}`

/** Bytes as kB or MB. */
export const size = (bytes: number): string =>
  bytes < 1_000_000 ? `${(bytes / 1_000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`

/** Milliseconds as seconds, or as minutes and seconds. */
export const duration = (ms: number): string => {
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`
  const seconds = Math.round(ms / 1_000)
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
}
