/**
 * Time that passes only when nothing is left to do, and a scheduler that does everything at once: a
 * minute of a whole system takes some milliseconds, and the same seed takes the same course.
 *
 * Effect's `TestClock` waits some real milliseconds at each step, to be sure that all fibers sleep. Here
 * the scheduler knows.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import type * as Scheduler from "effect/Scheduler"

/** Some day: 2026-01-01. */
const EPOCH = 1_767_225_600_000

interface Timer {
  readonly at: number
  readonly run: () => void
}

export class VirtualTime implements Scheduler.Scheduler {
  #now = EPOCH
  /** Ascending; of those at one time, the one that was set first comes first. */
  readonly #timers: Array<Timer> = []
  #tasks: Array<{ readonly priority: number; readonly run: () => void }> = []

  /** Milliseconds since the beginning. */
  get elapsed(): number {
    return this.#now - EPOCH
  }

  /** Does something after so many milliseconds. What it returns takes that back. */
  after(millis: number, run: () => void): () => void {
    const timer = { at: this.#now + Math.max(0, millis), run }
    let index = this.#timers.length
    while (index > 0 && (this.#timers[index - 1]?.at ?? 0) > timer.at) index -= 1
    this.#timers.splice(index, 0, timer)
    return () => {
      const at = this.#timers.indexOf(timer)
      if (at >= 0) this.#timers.splice(at, 1)
    }
  }

  /** Lets time pass, up to so many milliseconds after the beginning, or until something is so. */
  run(until: number, isDone: () => boolean = () => false): void {
    for (;;) {
      this.#drain()
      const next = this.#timers[0]
      if (isDone() || next === undefined || next.at > EPOCH + until) return
      this.#timers.shift()
      this.#now = next.at
      next.run()
    }
  }

  readonly clock: Clock.Clock = {
    [Clock.ClockTypeId]: Clock.ClockTypeId,
    unsafeCurrentTimeMillis: () => this.#now,
    unsafeCurrentTimeNanos: () => BigInt(this.#now) * 1_000_000n,
    currentTimeMillis: Effect.sync(() => this.#now),
    currentTimeNanos: Effect.sync(() => BigInt(this.#now) * 1_000_000n),
    sleep: (duration) =>
      Effect.async((resume) => {
        const cancel = this.after(Duration.toMillis(duration), () => resume(Effect.void))
        return Effect.sync(cancel)
      })
  }

  // As a scheduler.

  shouldYield(fiber: Fiber.RuntimeFiber<unknown, unknown>): number | false {
    return fiber.currentOpCount > fiber.getFiberRef(FiberRef.currentMaxOpsBeforeYield)
      ? fiber.getFiberRef(FiberRef.currentSchedulingPriority)
      : false
  }

  scheduleTask(run: () => void, priority: number): void {
    this.#tasks.push({ run, priority })
  }

  #drain(): void {
    while (this.#tasks.length > 0) {
      const tasks = this.#tasks
      this.#tasks = []
      for (const { run } of tasks.toSorted((a, b) => a.priority - b.priority)) run()
    }
  }
}
