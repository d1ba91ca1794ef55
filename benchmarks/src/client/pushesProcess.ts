/** One of the writers of `pushes`, in its process. */
import { setTimeout as sleep } from "node:timers/promises"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import { around, backendOf } from "./backends.ts"
import type { Backend, ClientName } from "./backends.ts"
import { obey } from "./child.ts"
import type { Holding } from "./holding.ts"
import { holding } from "./holding.ts"
import { open } from "./store.ts"

/** First `open`, then `write`; `stop` ends that early. */
export type WriteOrder =
  | {
      readonly _tag: "open"
      readonly client: ClientName
      readonly clientId: string
      readonly port: number
      readonly storeId: string
      readonly holding: Holding
    }
  | {
      readonly _tag: "write"
      /** Events to commit, and those of all writers together. */
      readonly events: number
      readonly total: number
      /** Milliseconds until the first, and from one to the next. */
      readonly afterMs: number
      readonly everyMs: number
    }
  | { readonly _tag: "stop" }

/** What became of a writer's pushes. */
export interface Written {
  readonly committed: number
  readonly pushes: number
  /** Pushes that LiveStore interrupted before they were answered. */
  readonly interrupted: number
  /** Pushes that were told that other events come first. */
  readonly behind: number
  /** Events in all pushes: more than were committed, if some went more than once. */
  readonly eventsPushed: number
  /** What else pushes were told, in words. */
  readonly refusals: ReadonlyArray<string>
  readonly rebases: number
  /** Events that were rebased, counted each time. */
  readonly eventsRebased: number
  /**
   * Milliseconds from the last commit until the store shows everybody's events and has pushed its own.
   * Without it, that did not come.
   */
  readonly lagMs?: number
  /** Why LiveStore gave the store up, if it did. */
  readonly died?: string
  /** The ids of the todos that are shown. */
  readonly ids: ReadonlyArray<string>
}

const counts = {
  committed: 0,
  pushes: 0,
  interrupted: 0,
  behind: 0,
  eventsPushed: 0,
  rebases: 0,
  eventsRebased: 0
}
const refusals: Array<string> = []

const counted = (backend: Backend): Backend => ({
  ...backend,
  push: (batch) =>
    Effect.suspend(() => {
      counts.pushes += 1
      counts.eventsPushed += batch.length
      return backend.push(batch)
    }).pipe(
      Effect.onExit((exit) =>
        Effect.sync(() => {
          if (Exit.isSuccess(exit)) return
          const error = Cause.failureOption(exit.cause)
          if (Cause.isInterrupted(exit.cause)) counts.interrupted += 1
          else if (Option.isSome(error) && error.value._tag === "ServerAheadError")
            counts.behind += 1
          else {
            const [first] = batch
            const why = Option.isSome(error) ? error.value._tag : "a defect"
            refusals.push(`${why}: events from ${first?.seqNum} on, after ${first?.parentSeqNum}`)
          }
        })
      )
    )
})

type Store = Awaited<ReturnType<typeof open>>

let opened: { readonly store: Store; readonly name: string } | undefined
const stopped = Promise.withResolvers<undefined>()

const openStore = async ({
  client,
  clientId,
  holding: how,
  port,
  storeId
}: Extract<WriteOrder, { readonly _tag: "open" }>): Promise<void> => {
  const held = holding(how)
  const backend = around(backendOf(client, port), (backend) => held(counted(backend)))
  opened = { store: await open({ storeId, clientId, backend }), name: clientId }
}

const write = async (
  { name, store }: { readonly store: Store; readonly name: string },
  { afterMs, events, everyMs, total }: Extract<WriteOrder, { readonly _tag: "write" }>
): Promise<Written> => {
  let generation = 0
  const leave = store.follow(({ pending, rebaseGeneration }) => {
    if (rebaseGeneration <= generation) return
    generation = rebaseGeneration
    counts.rebases += 1
    counts.eventsRebased += pending
  })
  const state = { over: false }
  const died = Promise.race([store.ended, stopped.promise]).then((why) => {
    state.over = true
    return why
  })
  const start = performance.now()
  const all = store.has(total)
  for (let index = 0; index < events && !state.over; index++) {
    // The pace of somebody who writes, whatever the last one took.
    await sleep(Math.max(0, start + afterMs + index * everyMs - performance.now()))
    if (state.over) break
    store.add({ id: `${name}-${index}`, text: `Buy ${index} apples` })
    counts.committed += 1
  }
  const last = performance.now()
  const outcome = await Promise.race([all.then(() => "all" as const), died])
  const lagMs = performance.now() - last
  if (outcome !== "all") {
    return { ...counts, refusals, ids: [], ...(outcome === undefined ? {} : { died: outcome }) }
  }
  await leave()
  return { ...counts, refusals, lagMs, ids: store.todos().map(({ id }) => id) }
}

obey(async (order: WriteOrder): Promise<Written | undefined> => {
  switch (order._tag) {
    case "open":
      await openStore(order)
      return undefined
    case "write":
      if (opened === undefined) throw new Error("there is no store yet")
      return write(opened, order)
    case "stop":
      stopped.resolve(undefined)
      return undefined
  }
})
