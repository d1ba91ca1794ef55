import { describe, expect, it } from "@effect/vitest"
import * as FrameTexts from "../src/internal/frameTexts.ts"

const objects = [
  `{}`,
  `{"_tag":"Chunk","values":[{"a":[1,{"b":"}]"}]}]}`,
  `{ "text": "a \\"quoted\\" {brace", "path": "c:\\\\" , "é": "\\u007d😀" }`,
  `{"_tag":"Exit","exit":{"_tag":"Success"}}`
]

const whole = ` [${objects.join(" ,\n")}]\n`

describe("frameTexts", () => {
  it("[HTTP-1] finds the frames of an answer, wherever its parts begin and end", () => {
    const parts = Array.from({ length: whole.length }, (_, at) => [
      whole.slice(0, at),
      whole.slice(at)
    ])
    for (const cut of [...parts, whole.split(""), [whole]]) {
      const next = FrameTexts.make()
      const found: Array<string> = []
      for (const part of cut) {
        found.push(...(next(part) ?? ["nonsense"]))
      }
      expect(found).toEqual(objects)
    }
  })

  it("[HTTP-1] a beginning is one, and what is no array of objects is nothing", () => {
    for (let length = 0; length < whole.trimEnd().length; length++) {
      expect(FrameTexts.make()(whole.slice(0, length))).toBeDefined()
    }
    for (const text of ["<html></html>", "{}", "[1]", "[[]]", `["{}"]`, "[] []", "null", "[{}]x"]) {
      expect(FrameTexts.make()(text)).toBeUndefined()
    }
  })
})
