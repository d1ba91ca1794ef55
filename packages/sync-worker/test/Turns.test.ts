import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Turns from "../src/internal/turns.ts"
import { range } from "./support/frames.ts"

/** Everything that can go on without time passing has gone on. */
const settled = Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))

/** Work that says when it begins, and goes on until it is told to end. */
const makeWork = (turns: Turns.Turns) => {
  const begun: Array<number> = []
  const latches = new Map<number, Effect.Latch>()
  const work = (id: number) => {
    const latch = Effect.unsafeMakeLatch()
    latches.set(id, latch)
    return turns.inTurn(
      Effect.suspend(() => {
        begun.push(id)
        return latch.await
      })
    )
  }
  return {
    begun,
    work,
    start: (id: number) => Effect.zipLeft(Effect.fork(work(id)), settled),
    finish: (id: number) =>
      Effect.zipRight(
        Effect.suspend(() => latches.get(id)?.open ?? Effect.void),
        settled
      )
  }
}

describe("turns", () => {
  it.effect("[PUSH-11] so many run at a time, and the first that came is the next", () =>
    Effect.gen(function* () {
      const { begun, finish, start } = makeWork(Turns.make(2))
      for (const id of range(1, 5)) yield* start(id)
      expect(begun).toEqual([1, 2])
      yield* finish(2)
      expect(begun).toEqual([1, 2, 3])
      yield* finish(1)
      yield* finish(3)
      expect(begun).toEqual([1, 2, 3, 4, 5])
    })
  )

  it.effect("[PUSH-11] whoever comes as a turn ends is after those who wait", () =>
    Effect.gen(function* () {
      const { begun, finish, start, work } = makeWork(Turns.make(1))
      yield* Effect.fork(Effect.zipRight(work(1), work(9)))
      yield* start(2)
      yield* finish(1)
      expect(begun).toEqual([1, 2])
      yield* finish(2)
      expect(begun).toEqual([1, 2, 9])
    })
  )

  it.effect("[PUSH-1] a failure, a defect or an interrupt ends a turn", () =>
    Effect.gen(function* () {
      const turns = Turns.make(1)
      expect(yield* Effect.flip(turns.inTurn(Effect.fail("failure")))).toBe("failure")
      yield* Effect.exit(turns.inTurn(Effect.die("defect")))
      const { begun, finish, start } = makeWork(turns)
      const first = yield* start(1)
      const second = yield* start(2)
      yield* start(3)
      // One that waits, and then the one whose turn it is.
      yield* Fiber.interruptFork(second)
      yield* Fiber.interrupt(first)
      yield* finish(3)
      expect(begun).toEqual([1, 3])
      expect(yield* turns.inTurn(Effect.succeed("free"))).toBe("free")
    })
  )
})
