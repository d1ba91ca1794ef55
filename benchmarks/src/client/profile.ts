/**
 * Whose work this process does while something runs: samples of the stack, each given to the nearest
 * function below which it is somebody's.
 */
import { Session } from "node:inspector/promises"
import type { Profile, ProfileNode } from "../Inspector.ts"

/** Shares of the time in which the thread was busy, by whose work it was. */
export type Shares = Readonly<Record<string, number>>

const owners = [
  ["SQLite", /^wasm:|\/(?:sqlite-wasm|wa-sqlite)\//],
  ["this project's client", /\/packages\/sync-(?:client|protocol)\//],
  ["the official client", /\/@livestore\/sync-cf\/|\/@effect\/rpc\//],
  ["LiveStore's leader", /\/common\/dist\/leader-thread\//],
  ["LiveStore's session", /\/@livestore\/livestore\/|\/ClientSessionSyncProcessor/],
  ["LiveStore's merging and schemas", /\/@livestore\//],
  ["the bench", /\/benchmarks\//]
] as const

const EFFECT = "Effect's fibers and schemas, for whoever it is"
const IDLE = new Set(["(idle)", "(program)", "(root)"])

const ownerOf = ({ functionName, url }: ProfileNode["callFrame"]): string | undefined =>
  functionName === "(garbage collector)"
    ? "garbage collection"
    : owners.find(([, pattern]) => pattern.test(url))?.[0]

const sharesOf = ({ nodes, samples, timeDeltas }: Profile): Shares => {
  const parents = new Map(nodes.flatMap(({ children = [], id }) => children.map((c) => [c, id])))
  const frames = new Map(nodes.map(({ callFrame, id }) => [id, callFrame]))
  const times = new Map<string, number>()
  let busy = 0
  samples.forEach((sample, index) => {
    const frame = frames.get(sample)
    if (frame === undefined || IDLE.has(frame.functionName)) return
    let owner: string | undefined
    let inEffect = false
    for (let at: number | undefined = sample; at !== undefined; at = parents.get(at)) {
      const frame = frames.get(at)
      if (frame === undefined) continue
      owner = ownerOf(frame)
      if (owner !== undefined) break
      inEffect ||= /\/effect\/|\/@effect\//.test(frame.url)
    }
    const time = timeDeltas[index] ?? 0
    busy += time
    const key = owner ?? (inEffect ? EFFECT : "Node: sockets, timers, modules")
    times.set(key, (times.get(key) ?? 0) + time)
  })
  return Object.fromEntries(
    Array.from(times, ([owner, time]) => [owner, time / busy] as const).toSorted(
      ([, a], [, b]) => b - a
    )
  )
}

/** Runs something; with `on`, says whose work it was. */
export const profiled = async <A>(
  on: boolean,
  run: () => Promise<A>
): Promise<{ readonly value: A; readonly shares?: Shares }> => {
  if (!on) return { value: await run() }
  const session = new Session()
  session.connect()
  await session.post("Profiler.enable")
  await session.post("Profiler.setSamplingInterval", { interval: 200 })
  await session.post("Profiler.start")
  const value = await run()
  const { profile } = await session.post("Profiler.stop")
  session.disconnect()
  const { samples = [], timeDeltas = [] } = profile
  const nodes = profile.nodes.map(({ children = [], ...node }) => ({ ...node, children }))
  return { value, shares: sharesOf({ nodes, samples, timeDeltas }) }
}
