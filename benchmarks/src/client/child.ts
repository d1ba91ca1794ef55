/**
 * A part of a measure in a process of its own, so that no run pays for the heap, the garbage or the
 * compiled code of another. This is the parent's end; `obey` is the child's.
 */
import { fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import { WrongResult } from "../WrongResult.ts"

interface Ordered<Order> {
  readonly id: number
  readonly order: Order
}

interface Answer<Report> {
  readonly id: number
  readonly report?: Report
  readonly error?: string
}

export interface Child<Order, Report> {
  /** Sends an order, and returns the report of it. */
  readonly order: (order: Order) => Promise<Report>
  readonly end: () => Promise<void>
}

/** How much of what a child said before it ended is told. */
const LAST_WORDS = 2_000

/** Milliseconds after which an order that is not reported on is given up. */
const PATIENCE = 600_000

/** Starts the module `file`, which calls {@link obey}. */
export const start = <Order, Report>(file: URL): Child<Order, Report> => {
  const child = fork(fileURLToPath(file), {
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    // LiveStore looks closer at itself during development.
    env: { ...process.env, NODE_ENV: "production" }
  })
  let said = ""
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (text: Buffer) => {
      said = (said + text.toString()).slice(-LAST_WORDS)
    })
  }
  const waiting = new Map<number, (answer: Omit<Answer<Report>, "id">) => void>()
  child.on("message", ({ id, ...answer }: Answer<Report>) => waiting.get(id)?.(answer))
  const ended = new Promise<void>((resolve) => {
    child.on("exit", () => {
      for (const give of waiting.values()) give({ error: `a client's process ended: ${said}` })
      resolve()
    })
  })
  let orders = 0
  return {
    order: async (order) => {
      orders += 1
      const id = orders
      const { promise, resolve } = Promise.withResolvers<Omit<Answer<Report>, "id">>()
      waiting.set(id, resolve)
      const timer = setTimeout(
        () => resolve({ error: `a client's process says nothing: ${said}` }),
        PATIENCE
      )
      const ordered: Ordered<Order> = { id, order }
      child.send(ordered)
      const { error, report } = await promise
      clearTimeout(timer)
      waiting.delete(id)
      if (error !== undefined) throw new WrongResult({ message: error })
      return report as Report
    },
    end: () => {
      child.kill("SIGKILL")
      return ended
    }
  }
}

/** Does something with a child, and ends it. */
export const withChild = async <Order, Report, A>(
  file: URL,
  use: (child: Child<Order, Report>) => Promise<A>
): Promise<A> => {
  const child = start<Order, Report>(file)
  try {
    return await use(child)
  } finally {
    await child.end()
  }
}

/** The child's end: does what it is ordered, for as long as its parent lives. */
export const obey = (carryOut: (order: never) => Promise<unknown>): void => {
  const send = (answer: Answer<unknown>) => process.send?.(answer)
  process.on("message", ({ id, order }: Ordered<never>) => {
    carryOut(order).then(
      (report) => send({ id, report }),
      (error: unknown) =>
        send({ id, error: error instanceof Error ? String(error.stack) : String(error) })
    )
  })
  process.on("disconnect", () => process.exit())
}
