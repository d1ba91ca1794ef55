/**
 * What the suites wait for.
 */
import { inspect, isDeepStrictEqual } from "node:util"
import * as Effect from "effect/Effect"
import { eventually } from "./eventually.ts"
import type { Line, TodoPage } from "./TodoPage.ts"

export const open = (text: string): Line => ({ text, completed: false })
export const done = (text: string): Line => ({ text, completed: true })

/** Waits until the page shows exactly these lines, in this order. */
export const shows = (page: TodoPage, ...lines: ReadonlyArray<Line>) =>
  eventually(`the page shows ${inspect(lines)}`, page.list, (seen) =>
    isDeepStrictEqual(seen, lines)
  )

/** Waits until the page says that it is in one of these states. */
export const says = (page: TodoPage, ...states: ReadonlyArray<string>) =>
  eventually(
    `the page says ${states.join(" or ")}`,
    page.status,
    ({ state }) => state !== null && states.includes(state)
  )

/** Waits until the page's word on its state has this in it. */
export const tells = (page: TodoPage, words: string) =>
  eventually(`the page tells "${words}"`, page.status, ({ text }) => text.includes(words))

/** Waits until both pages show the same `count` lines, and returns them. */
export const agree = (one: TodoPage, other: TodoPage, count: number) =>
  eventually(
    `both pages show the same ${count} lines`,
    Effect.all([one.list, other.list]),
    ([a, b]) => a.length === count && isDeepStrictEqual(a, b)
  ).pipe(Effect.map(([lines]) => lines))
