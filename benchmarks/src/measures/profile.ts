/**
 * Where a server's time goes while it does the work of one line.
 */
import { readdirSync, readFileSync, statSync } from "node:fs"
import { SourceMap } from "node:module"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import type { BenchServer } from "../BenchServer.ts"
import { Inspector } from "../Inspector.ts"
import type { Profile, ProfileNode } from "../Inspector.ts"
import type { Sizes, Workload } from "../workloads/Workload.ts"
import { wrong } from "../WrongResult.ts"

export interface Hot {
  readonly name: string
  readonly where: string
  /** Shares of the time that the isolate was busy: in the function itself, and below it. */
  readonly self: number
  readonly total: number
}

export interface Profiled {
  /** The share of the time in which the isolate had something to do. */
  readonly busy: number
  readonly hot: ReadonlyArray<Hot>
  /** The same by module: the time in a module's own functions. */
  readonly modules: ReadonlyArray<readonly [module: string, self: number]>
}

/** What a module is part of. */
const groups = [
  ["Effect's fibers, services, scheduler", /^effect\/src\/(?!ParseResult|Schema|internal\/schema)/],
  ["Schema", /^effect\/src\//],
  [
    "D1's client and its answer's text",
    /^cloudflare-internal:|^native (text|fetch|Headers|URL|setAttributes|enterSpan)$/
  ],
  ["this project's modules", /^packages\//],
  ["garbage collection", /^native \(garbage collector\)$/],
  ["the platform's sockets and the rest", /^/]
] as const

/** The shares of modules, added up by what they are part of. */
export const byGroup = (
  modules: Profiled["modules"]
): ReadonlyArray<readonly [group: string, self: number]> => {
  const shares = new Map<string, number>(groups.map(([name]) => [name, 0]))
  for (const [module, self] of modules) {
    const name = groups.find(([, pattern]) => pattern.test(module))?.[0] ?? ""
    shares.set(name, (shares.get(name) ?? 0) + self)
  }
  return Array.from(shares)
}

export const profileWork = (server: BenchServer, workload: Workload, sizes: Sizes) =>
  Effect.gen(function* () {
    const { prepare } = workload
    if (prepare !== undefined) {
      yield* wrong(() => prepare(server, sizes))
      yield* server.restart
    }
    return yield* wrong(async () => {
      await workload.run(server, `${workload.id}_warm_up`, sizes)
      const inspector = await Inspector.open(server)
      try {
        const profile = await inspector.profile(async () => {
          await workload.run(server, `${workload.id}_a`, sizes)
          await workload.run(server, `${workload.id}_b`, sizes)
        })
        return summarise(profile, sourceMapOf(server.name))
      } finally {
        inspector.close()
      }
    })
  })

const IDLE = new Set(["(idle)", "(program)", "(root)"])

/** The map of the bundle that `wrangler dev` made last. */
const sourceMapOf = (name: string): SourceMap | undefined => {
  const folder = join(import.meta.dirname, "../servers", name, ".wrangler/tmp")
  const maps = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith("index.js.map"))
    .map((file) => join(folder, file))
    .toSorted((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)
  return maps[0] === undefined
    ? undefined
    : new SourceMap(JSON.parse(readFileSync(maps[0], "utf8")))
}

/** `…/node_modules/effect/src/internal/core.ts` is `effect/src/internal/core.ts`. */
const shorten = (source: string): string =>
  source.replace(/^.*node_modules\//, "").replace(/^.*\/(?=packages\/|benchmarks\/|servers\/)/, "")

const moduleAndLine = (frame: ProfileNode["callFrame"], map: SourceMap | undefined) => {
  const { columnNumber, functionName, lineNumber, url } = frame
  const entry = map?.findEntry(lineNumber, columnNumber)
  if (url.endsWith("index.js") && entry !== undefined && "originalSource" in entry) {
    return { module: shorten(entry.originalSource), line: entry.originalLine + 1 }
  }
  return { module: url === "" ? `native ${functionName}` : url, line: lineNumber + 1 }
}

export const summarise = (
  { nodes, samples, timeDeltas }: Profile,
  map: SourceMap | undefined
): Profiled => {
  const parents = new Map(nodes.flatMap(({ children = [], id }) => children.map((c) => [c, id])))
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const keys = new Map(
    nodes.map(({ callFrame, id }) => {
      const { line, module } = moduleAndLine(callFrame, map)
      return [id, `${callFrame.functionName}|${module}|${line}`]
    })
  )
  const keyOf = (id: number) => keys.get(id) ?? ""
  const self = new Map<string, number>()
  const total = new Map<string, number>()
  const add = (to: Map<string, number>, key: string, time: number) =>
    to.set(key, (to.get(key) ?? 0) + time)

  let all = 0
  let busy = 0
  samples.forEach((id, index) => {
    const time = timeDeltas[index] ?? 0
    all += time
    if (IDLE.has(byId.get(id)?.callFrame.functionName ?? "")) return
    busy += time
    add(self, keyOf(id), time)
    const seen = new Set<string>()
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      seen.add(keyOf(at))
    }
    for (const key of seen) add(total, key, time)
  })

  const modules = new Map<string, number>()
  for (const [key, time] of self) add(modules, key.split("|")[1] ?? "", time / busy)

  return {
    busy: busy / all,
    modules: Array.from(modules).toSorted(([, a], [, b]) => b - a),
    hot: Array.from(total, ([key, time]) => {
      const [name = "", module = "", line = ""] = key.split("|")
      return {
        name: name === "" ? "(anonymous)" : name,
        where: `${module}:${line}`,
        self: (self.get(key) ?? 0) / busy,
        total: time / busy
      }
    })
  }
}
