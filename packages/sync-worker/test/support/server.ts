import { join } from "node:path"
import type { Readable } from "node:stream"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"
import { Miniflare } from "miniflare"
import { afterAll } from "vitest"

/** A worker: the path of its file, seen from here, or its text, as a file of this package. */
export type Entry = string | { readonly code: string }

export const bundle = async (entry: Entry): Promise<string> => {
  const result = await build({
    ...(typeof entry === "string"
      ? { entryPoints: [fileURLToPath(new URL(entry, import.meta.url))] }
      : { stdin: { contents: entry.code, loader: "ts", resolveDir: import.meta.dirname } }),
    bundle: true,
    format: "esm",
    target: "es2022",
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:*", "node:*"],
    write: false
  })
  return result.outputFiles[0]?.text ?? ""
}

export interface ServerOptions {
  /** Where the databases outlive the server: a folder. Without one they do not. */
  readonly persist?: string
  /** The bindings of D1 databases. */
  readonly d1Databases?: ReadonlyArray<string>
  /** The names of Durable Object bindings, each with its class if that has another name. */
  readonly durableObjects?: ReadonlyArray<string> | Readonly<Record<string, string>>
  /** The classes that have no SQLite. */
  readonly withoutSqlite?: ReadonlyArray<string>
  /** Texts that the worker finds in its `env`. */
  readonly bindings?: Readonly<Record<string, string>>
}

/** The worker under test in workerd, over D1, on a loopback port. One for each test file. */
export const startServer = async (entry: Entry = "./worker.ts", options: ServerOptions = {}) => {
  const { bindings = {}, d1Databases = ["DB"], persist, withoutSqlite = [] } = options
  const { durableObjects = ["WEBSOCKET_SERVER"] } = options
  const classes = Array.isArray(durableObjects)
    ? durableObjects.map((name) => [name, CLASS_NAME] as const)
    : Object.entries(durableObjects)
  const lines: Array<string> = []
  const miniflare = new Miniflare({
    modules: true,
    script: await bundle(entry),
    compatibilityDate: "2026-07-30",
    host: "127.0.0.1",
    port: 0,
    d1Databases: [...d1Databases],
    bindings: { ...bindings },
    durableObjects: Object.fromEntries(
      classes.map(([name, className]) => [
        name,
        { className, useSQLite: !withoutSqlite.includes(className) }
      ])
    ),
    ...(persist === undefined
      ? {}
      : { d1Persist: join(persist, "d1"), durableObjectsPersist: join(persist, "do") }),
    handleRuntimeStdio: (stdout: Readable, stderr: Readable) => {
      for (const stream of [stdout, stderr]) {
        stream.setEncoding("utf8").on("data", (text: string) => {
          lines.push(...text.split("\n").filter((line) => line !== ""))
        })
      }
    }
  })
  let running = true
  const stop = async () => {
    if (running) await miniflare.dispose()
    running = false
  }
  afterAll(stop)
  const url = (await miniflare.ready).toString()

  return {
    miniflare,
    url,
    lines,
    stop,
    /** Takes a store's object out of memory. Its sockets stay open. */
    evict: (storeId: string, className = CLASS_NAME) =>
      miniflare.unsafeEvictDurableObject("", className, { name: storeId, webSockets: "hibernate" })
  }
}

const CLASS_NAME = "SyncBackendDO"
