/**
 * Finds the texts of the objects in a JSON array, while the array still comes in: the result is given part after
 * part, and gives the objects that each completes; `undefined` if it is no part of such an array.
 */
export type FrameTexts = (part: string) => ReadonlyArray<string> | undefined

/** What is between objects, and what matters inside one. */
const BETWEEN = /[^\s,]/g
const STRUCTURE = /["\\{}]/g

export const make = (): FrameTexts => {
  let place: "before" | "between" | "after" = "before"
  /** The object that has begun, as far as it has come; its braces that are open; whether in a string. */
  let begun = ""
  let depth = 0
  let isInString = false
  let isEscaped = false

  /** The index behind the object that goes on at `from`, or -1 if it goes on after this part. */
  const endOfObject = (part: string, from: number): number => {
    let at = from
    if (isEscaped) {
      isEscaped = false
      at += 1
    }
    STRUCTURE.lastIndex = at
    for (let found = STRUCTURE.exec(part); found !== null; found = STRUCTURE.exec(part)) {
      const [sign] = found
      if (sign === `"`) isInString = !isInString
      else if (sign === "\\") {
        if (STRUCTURE.lastIndex === part.length) isEscaped = true
        STRUCTURE.lastIndex += 1
      } else if (!isInString) {
        depth += sign === "{" ? 1 : -1
        if (depth === 0) return STRUCTURE.lastIndex
      }
    }
    return -1
  }

  return (part) => {
    const texts: Array<string> = []
    let at = 0
    while (at < part.length) {
      if (depth > 0) {
        const end = endOfObject(part, at)
        begun += part.slice(at, end < 0 ? part.length : end)
        if (end < 0) return texts
        texts.push(begun)
        begun = ""
        at = end
        continue
      }
      BETWEEN.lastIndex = at
      const sign = BETWEEN.exec(part)?.[0]
      if (sign === undefined) return texts
      at = BETWEEN.lastIndex
      if (place === "before" && sign === "[") place = "between"
      else if (place === "between" && sign === "]") place = "after"
      else if (place === "between" && sign === "{") {
        depth = 1
        begun = sign
      } else return undefined
    }
    return texts
  }
}
