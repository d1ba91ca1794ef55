/** Work that any client does on any server, with two devices of one store. */
import { expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import { type Backend, events, follow, newReader, range, readAfter, until } from "./Side.ts"

/** Pushes, pulls, and follows what the other pushes. */
export const followEachOther = (one: Backend, other: Backend) =>
  Effect.gen(function* () {
    yield* one.push(events(0, 3))
    expect(yield* readAfter(other, 0)).toEqual(events(0, 3))
    const reader = newReader()
    const following = yield* follow(other, reader)
    yield* until(() => reader.caughtUp === 3)
    yield* one.push(events(3, 5))
    yield* one.push(events(5, 6))
    yield* until(() => reader.seqNums.length >= 6)
    expect(reader.seqNums).toEqual(range(0, 6))
    expect(Option.isNone(yield* Fiber.poll(following))).toBe(true)
  })

/** Is told that it is behind, and goes on from there. */
export const fallBehind = (one: Backend, other: Backend) =>
  Effect.gen(function* () {
    const reader = newReader()
    yield* follow(other, reader)
    yield* one.push(events(0, 2))
    yield* until(() => reader.seqNums.length >= 2)
    const error = yield* Effect.flip(other.push(events(0, 1, { text: "another" })))
    expect(error).toMatchObject({ _tag: "ServerAheadError" })
    yield* other.push(events(2, 3))
    yield* until(() => reader.seqNums.length >= 3)
    expect(reader.seqNums).toEqual(range(0, 3))
  })
