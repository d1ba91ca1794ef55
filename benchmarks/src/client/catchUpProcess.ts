/** One catch-up of `catchUp`, in its process. */
import { eventAt } from "../events.ts"
import { WrongResult } from "../WrongResult.ts"
import { around, backendOf } from "./backends.ts"
import type { ClientName } from "./backends.ts"
import { obey } from "./child.ts"
import type { Emission } from "./emissions.ts"
import { observe } from "./emissions.ts"
import { resize } from "./pages.ts"
import { profiled } from "./profile.ts"
import type { Shares } from "./profile.ts"
import { open } from "./store.ts"

export interface CatchUpOrder {
  readonly client: ClientName
  readonly port: number
  readonly storeId: string
  /** Events of the log. */
  readonly events: number
  /** Events of the pages that LiveStore is given; as they come, if it is left out. */
  readonly pageEvents?: number
  /** Whether the time is looked into, which takes some itself. */
  readonly profile?: boolean
}

/** Milliseconds of a catch-up, from an empty store on. */
export interface CatchUp {
  /** Until the table shows all and the leader has all. */
  readonly totalMs: number
  /** Until the store could be used, empty. */
  readonly bootMs: number
  /** In which LiveStore waited for a page: the client, the network and the server. */
  readonly waitedMs: number
  /** How long LiveStore was at work on each page. */
  readonly pages: ReadonlyArray<{ readonly events: number; readonly ms: number }>
  /** CPU time of the process, threads and compiler included. */
  readonly cpuMs: number
  readonly shares?: Shares
}

obey(async (order: CatchUpOrder): Promise<CatchUp> => {
  const { shares, value } = await profiled(order.profile === true, () => catchUp(order))
  return shares === undefined ? value : { ...value, shares }
})

const catchUp = async ({
  client,
  events,
  pageEvents,
  port,
  storeId
}: CatchUpOrder): Promise<CatchUp> => {
  const emissions: Array<Emission> = []
  const pages = observe(emissions)
  const resized = pageEvents === undefined ? undefined : resize(pageEvents)
  const backend = around(backendOf(client, port), (backend) =>
    pages(resized === undefined ? backend : resized(backend))
  )

  const cpu = process.cpuUsage()
  const start = performance.now()
  const store = await open({ storeId, clientId: "reader", backend })
  const booted = performance.now()
  await store.has(events)
  const end = performance.now()
  const { system, user } = process.cpuUsage(cpu)

  checkOrder(
    emissions.flatMap(({ seqNums }) => seqNums),
    store.todos(),
    events
  )
  await store.close()
  const given = emissions.filter(({ seqNums }) => seqNums.length > 0)
  return {
    totalMs: end - start,
    bootMs: booted - start,
    waitedMs: given.reduce((sum, { askedAt, givenAt }) => sum + givenAt - askedAt, 0),
    pages: given.map(({ givenAt, seqNums }, index) => ({
      events: seqNums.length,
      ms: (given[index + 1]?.askedAt ?? end) - givenAt
    })),
    cpuMs: (user + system) / 1_000
  }
}

/** Each event once, in the order of the log, both as it came and as it was written to the table. */
const checkOrder = (
  seqNums: ReadonlyArray<number>,
  todos: ReadonlyArray<{ readonly id: string; readonly text: string }>,
  events: number
): void => {
  if (seqNums.length !== events || todos.length !== events) {
    throw new WrongResult({
      message: `${seqNums.length} events came and ${todos.length} are shown, of ${events}`
    })
  }
  for (let index = 0; index < events; index++) {
    const { args } = eventAt(index + 1)
    const todo = todos[index]
    if (seqNums[index] !== index + 1 || todo?.id !== args.id || todo.text !== args.text) {
      throw new WrongResult({
        message: `event ${seqNums[index]} and todo ${todo?.id} stand where ${index + 1} belongs`
      })
    }
  }
}
