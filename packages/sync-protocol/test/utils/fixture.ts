/** Reads the recorded frames: one line each, `<ms> OPEN <url>` or `<ms> C->S|S->C <json>`. */
import { readFileSync } from "node:fs"

export interface Line {
  readonly kind: "OPEN" | "C->S" | "S->C"
  readonly text: string
}

const read = (name: string): ReadonlyArray<Line> => {
  const lines: Array<Line> = []
  const content = readFileSync(new URL(`../fixtures/${name}`, import.meta.url), "utf8")
  for (const line of content.split("\n")) {
    if (line.trim() === "" || line.startsWith("#")) continue
    const match = /^\s*\d+ (OPEN|C->S|S->C) (.*)$/.exec(line)
    const [, kind, text] = match ?? []
    if ((kind !== "OPEN" && kind !== "C->S" && kind !== "S->C") || text === undefined) {
      throw new Error(`${name}: cannot read ${line}`)
    }
    lines.push({ kind, text })
  }
  return lines
}

/** A whole session of the official client with the official server. */
export const session = read("livestore-0.4.0-ws-frames.txt")

/** The frames that the session lacks. */
export const more = read("livestore-0.4.0-ws-more-frames.txt")

export const texts = (lines: ReadonlyArray<Line>, kind: Line["kind"]): ReadonlyArray<string> =>
  lines.filter((line) => line.kind === kind).map((line) => line.text)
