import { vi } from "vitest"

/** Waits until an assertion holds: the longer, the busier the machine. */
export const eventually = <A>(assertion: () => A | Promise<A>): Promise<A> =>
  vi.waitFor(assertion, 20_000)
