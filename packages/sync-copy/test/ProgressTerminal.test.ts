/** What is written of the progress, and when, under a clock of the test's own. */
import * as Terminal from "@effect/platform/Terminal"
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/TestClock"
import { Progress } from "../src/Progress.ts"
import * as ProgressTerminal from "../src/ProgressTerminal.ts"

/** Keeps what is displayed. */
const recorder = (isTerminal: boolean) => {
  const shown: Array<string> = []
  const terminal = Terminal.Terminal.of({
    columns: Effect.succeed(80),
    rows: Effect.succeed(24),
    isTTY: Effect.succeed(isTerminal),
    readInput: Effect.never,
    readLine: Effect.never,
    display: (text) => Effect.sync(() => void shown.push(text))
  })
  const layer = ProgressTerminal.layer.pipe(
    Layer.provide(Layer.succeed(Terminal.Terminal, terminal))
  )
  return { shown, layer }
}

/** A copy of 1,000 events, a hundred every 50 ms, then the same again. */
const work = Effect.gen(function* () {
  const { report } = yield* Progress
  for (const phase of ["copying", "verifying"] as const) {
    for (let done = 0; done <= 1_000; done += 100) {
      yield* report({ phase, done, total: 1_000 })
      yield* TestClock.adjust("50 millis")
    }
  }
})

it.effect("[COPY-8] on a terminal one line is written anew, and the last of each phase stays", () =>
  Effect.gen(function* () {
    const { layer, shown } = recorder(true)
    yield* Effect.provide(work, layer)
    const text = shown.join("")
    // What a terminal shows in the end: of each line what comes after the last return.
    const lines = text.split("\n").map((line) => line.split("\r\u001b[K").at(-1))
    expect(lines).toEqual([
      "copying: 1,000 of 1,000 events copied, 100 %, 2,000 events/s",
      "verifying: 1,000 of 1,000 events verified, 100 %, 2,000 events/s",
      ""
    ])
    // Every other report is within a tenth of a second of the one before.
    expect(shown.filter((text) => text !== "\n")).toHaveLength(12)
  })
)

it.effect("[COPY-8] elsewhere a line is written now and then", () =>
  Effect.gen(function* () {
    const { layer, shown } = recorder(false)
    yield* Effect.provide(work, layer)
    expect(shown).toEqual([
      "copying: 0 of 1,000 events copied, 0 %, 0 events/s\n",
      "copying: 1,000 of 1,000 events copied, 100 %, 2,000 events/s\n",
      "verifying: 0 of 1,000 events verified, 0 %, 0 events/s\n",
      "verifying: 1,000 of 1,000 events verified, 100 %, 2,000 events/s\n"
    ])
  })
)
