/** What is written as it is read. */
import { setImmediate } from "node:timers/promises"
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as AnswerStream from "../src/internal/answerStream.ts"

const answerOf = (texts: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const encoder = new TextEncoder()
    const told: Array<string> = []
    let asked = 0
    const stream = AnswerStream.make(yield* Effect.runtime(), {
      next: Effect.sync(() => {
        const text = texts[asked] ?? "too much"
        asked += 1
        told.push(text)
        return { bytes: encoder.encode(text), isLast: asked === texts.length }
      }),
      leave: Effect.sync(() => told.push("left"))
    })
    return { stream, told }
  })

it.effect("[HTTP-3][RPC-1] an answer ends with its last part, and nothing more is asked for", () =>
  Effect.gen(function* () {
    const { stream, told } = yield* answerOf(["a", "b", "c"])
    expect(yield* Effect.promise(() => new Response(stream).text())).toBe("abc")
    expect(told).toEqual(["a", "b", "c"])
  })
)

it.effect("[HTTP-3][RPC-1] an answer is read no further than its reader, who may leave", () =>
  Effect.gen(function* () {
    const { stream, told } = yield* answerOf(["a", "b", "c"])
    const reader = stream.getReader()
    yield* Effect.promise(() => setImmediate())
    expect(told).toEqual([])
    yield* Effect.promise(() => reader.read())
    expect(told).toEqual(["a"])
    yield* Effect.promise(() => reader.cancel())
    expect(told).toEqual(["a", "left"])
  })
)
