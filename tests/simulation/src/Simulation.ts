/**
 * A history of a whole system from one number: leaders that write, a network and a storage that fail, a
 * server that sleeps and crashes. Afterwards everything works again, and all have to agree.
 *
 * After each step a model looks at what is there:
 * - each leader has a part of the log from its beginning, and no event of it is another one;
 * - what was acknowledged is in the log;
 * - the log is one chain, and has each event once.
 */
import type { FrameText } from "@tidelog/sync-protocol"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Random from "effect/Random"
import { Chance } from "./Chance.ts"
import { idOf, Leader } from "./Leader.ts"
import { Network } from "./Network.ts"
import { StoreHost } from "./StoreHost.ts"
import type { Sabotage } from "./StoreHost.ts"
import { VirtualTime } from "./VirtualTime.ts"

export interface Outcome {
  readonly seed: number
  /** What happened, line by line: frames, faults and steps, each with its millisecond. */
  readonly trace: ReadonlyArray<string>
  /** What must not have happened. */
  readonly violations: ReadonlyArray<string>
  /** Events in the log at the end. */
  readonly events: number
  /** Milliseconds from the last fault until all agreed. */
  readonly settledAfter: number
  /** How often each kind of step was taken. */
  readonly steps: Readonly<Record<string, number>>
}

export interface SimulationOptions {
  readonly leaders?: number
  readonly steps?: number
  readonly sabotage?: Sabotage | undefined
  /**
   * Whether the database is restored from backups in between. What was stored since is lost then, and
   * whoever has it must learn that, and not go on as if nothing had happened.
   */
  readonly restores?: boolean
}

/** Milliseconds in which all have to agree again, after the last fault. */
const PATIENCE = 300_000

export const simulate = (seed: number, options: SimulationOptions = {}): Outcome => {
  const time = new VirtualTime()
  const chance = new Chance(seed, 1)
  const trace: Array<string> = []
  const violations: Array<string> = []
  const acknowledged = new Set<string>()
  const steps: Record<string, number> = {}
  const note = (line: string) => trace.push(`${time.elapsed} ${line}`)
  const violation = (what: string) => {
    note(`VIOLATION ${what}`)
    violations.push(what)
  }

  const services = Layer.mergeAll(
    Layer.setClock(time.clock),
    Layer.setRandom(Random.make(seed)),
    Logger.remove(Logger.defaultLogger)
  )
  const fork = (effect: Effect.Effect<void>) =>
    Effect.runFork(Effect.provide(effect, services), { scheduler: time })

  const host = new StoreHost({
    time,
    chance: new Chance(seed, 2),
    trace: note,
    fork,
    sabotage: options.sabotage
  })
  const network = new Network({ time, chance: new Chance(seed, 3), acceptor: host, trace: note })

  const work = new Chance(seed, 4)
  let restored = false
  const leaders = Array.from(
    { length: options.leaders ?? 3 },
    (_, index) =>
      new Leader({
        name: `leader-${index}`,
        webSockets: network.webSockets(`leader-${index}`),
        trace: note,
        violation,
        workTime: () => (work.happens(0.1) ? work.between(100, 3_000) : work.between(0, 5)),
        discarded: () => {
          if (!restored) violation(`leader-${index} hears of another log, and there is none`)
        },
        acknowledged: (id) => {
          if (!restored) acknowledged.add(id)
        }
      })
  )
  const running = new Map(leaders.map((leader) => [leader, fork(leader.run)]))

  const restart = (leader: Leader) => {
    const fiber = running.get(leader)
    if (fiber === undefined) return
    note(`${leader.name} restarts`)
    running.delete(leader)
    fork(Effect.asVoid(Fiber.interrupt(fiber)))
    time.after(chance.between(10, 2_000), () => running.set(leader, fork(leader.run)))
  }

  const check = (atTheEnd = false) => {
    const events = host.stored?.events ?? []
    const ids = events.map(storedId)
    let last = 0
    for (const { parentSeqNum, seqNum } of events) {
      if (parentSeqNum !== last) violation(`the log has ${seqNum} after ${last}`)
      last = seqNum
    }
    const known = new Set(ids)
    if (known.size !== ids.length) violation("the log has an event twice")
    for (const id of acknowledged) {
      if (!known.has(id)) violation(`${id} was acknowledged, and is not in the log`)
    }
    // Until they have heard of it, they may have what is lost.
    if (restored && !atTheEnd) return
    for (const { confirmed, name } of leaders) {
      for (const [index, event] of confirmed.entries()) {
        if (ids[index] === idOf(event)) continue
        violation(`${name} has ${idOf(event)} at ${event.seqNum}, where the log has ${ids[index]}`)
        break
      }
    }
  }

  const restore = () => {
    const last = chance.below((host.stored?.events.length ?? 0) + 1)
    restored = true
    acknowledged.clear()
    host.restore(last, chance.happens(0.3))
  }
  const anyLeader = () => chance.pick(leaders)
  const actions: ReadonlyArray<readonly [string, number, () => void]> = [
    ["write", 40, () => anyLeader()?.create(chance.between(1, 3))],
    ["write much", 3, () => anyLeader()?.create(chance.between(50, 250))],
    ["break", 8, () => network.breakOne()],
    ["cut", 6, () => network.cutOne()],
    ["offline", 5, () => network.takeOffline(anyLeader()?.name ?? "", chance.between(100, 20_000))],
    ["sleep", 15, () => host.sleep()],
    ["crash", 4, () => host.crash(() => network.breakAll())],
    [
      "restart",
      6,
      () => {
        const leader = anyLeader()
        if (leader !== undefined) restart(leader)
      }
    ],
    ["restore", options.restores === true ? 4 : 0, restore]
  ]
  const total = actions.reduce((sum, [, weight]) => sum + weight, 0)
  const act = () => {
    let at = chance.below(total)
    for (const [name, weight, run] of actions) {
      at -= weight
      if (at >= 0) continue
      steps[name] = (steps[name] ?? 0) + 1
      note(`step: ${name}`)
      return run()
    }
  }

  for (let step = 0; step < (options.steps ?? 60) && violations.length === 0; step++) {
    time.run(
      time.elapsed + (chance.happens(0.2) ? chance.between(1, 20_000) : chance.between(1, 1_000))
    )
    act()
    check()
  }

  note("all works again")
  host.isHealed = true
  // That a log was restored is noticed by whatever is done next.
  if (restored) leaders[0]?.create(1)
  const healedAt = time.elapsed
  const created = () => leaders.reduce((sum, { pending }) => sum + pending.length, 0)
  const agree = () =>
    created() === 0
    && leaders.every(({ head }) => head === (host.stored?.events.at(-1)?.seqNum ?? 0))
    && running.size === leaders.length
  if (violations.length === 0) {
    time.run(healedAt + PATIENCE, agree)
    check(true)
    if (!agree()) violation("not all agree in the end")
  }
  const settledAfter = time.elapsed - healedAt
  for (const fiber of running.values()) fork(Effect.asVoid(Fiber.interrupt(fiber)))
  time.run(time.elapsed + 1)
  return {
    seed,
    trace,
    violations,
    events: host.stored?.events.length ?? 0,
    settledAfter,
    steps
  }
}

/** They are looked at after each step. */
const storedIds = new WeakMap<FrameText.EventParts, string>()

const storedId = (event: FrameText.EventParts): string => {
  const known = storedIds.get(event) ?? String(Object(JSON.parse(event.args ?? "null")).id)
  storedIds.set(event, known)
  return known
}
