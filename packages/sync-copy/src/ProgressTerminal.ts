/**
 * Progress for people: one line that is written anew on a terminal, a line now and then elsewhere.
 *
 * @since 0.1.0
 */
import * as Terminal from "@effect/platform/Terminal"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { CLEAR, count, figure } from "./internal/words.ts"
import { Progress, type Snapshot } from "./Progress.ts"

/** How often a line is written, in ms: on a terminal, and elsewhere. */
const EVERY = { terminal: 100, elsewhere: 5_000 }

const verbs = {
  comparing: "compared",
  copying: "copied",
  verifying: "verified",
  following: "copied and verified"
} as const

/**
 * One line. `rate`: events a second.
 *
 * @since 0.1.0
 * @category texts
 */
export const line = (snapshot: Snapshot, rate: number): string => {
  const { done, phase, total } = snapshot
  const share = total === 0 ? 100 : Math.floor((done / total) * 100)
  return phase === "following"
    ? `following: ${count(done, "event")} ${verbs.following}, ${count(total - done, "event")} to come; Ctrl-C ends it`
    : `${phase}: ${figure(done)} of ${count(total, "event")} ${verbs[phase]}, ${share} %, ${figure(Math.round(rate))} events/s`
}

/**
 * Progress on standard output.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<Progress, never, Terminal.Terminal> = Layer.scoped(
  Progress,
  Effect.gen(function* () {
    const terminal = yield* Terminal.Terminal
    const isTerminal = yield* terminal.isTTY
    const every = isTerminal ? EVERY.terminal : EVERY.elsewhere

    /** Where the present phase began, and the last line that it wrote. */
    let began: { readonly at: number; readonly snapshot: Snapshot } | undefined
    let shownAt = -Infinity
    let unshown: string | undefined

    const show = (text: string) =>
      Effect.ignore(terminal.display(isTerminal ? `${CLEAR}${text}` : `${text}\n`))

    const showLast = Effect.suspend(() => {
      const last = unshown
      unshown = undefined
      return last === undefined ? Effect.void : show(last)
    })

    yield* Effect.addFinalizer(() =>
      Effect.zipRight(
        showLast,
        isTerminal && began !== undefined ? Effect.ignore(terminal.display("\n")) : Effect.void
      )
    )

    return {
      report: (snapshot) =>
        Effect.gen(function* () {
          const now = yield* Clock.currentTimeMillis
          if (began?.snapshot.phase !== snapshot.phase) {
            // The last figures of a phase stay.
            yield* showLast
            if (isTerminal && began !== undefined) yield* Effect.ignore(terminal.display("\n"))
            began = { at: now, snapshot }
            shownAt = -Infinity
          }
          const seconds = (now - began.at) / 1_000
          const done = snapshot.done - began.snapshot.done
          unshown = line(snapshot, seconds > 0 ? done / seconds : 0)
          if (now - shownAt < every) return
          shownAt = now
          yield* showLast
        })
    }
  })
)
