import type { Readable } from "node:stream"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"
import { Miniflare } from "miniflare"
import { afterAll } from "vitest"

const bundle = async (entry: string): Promise<string> => {
  const result = await build({
    entryPoints: [fileURLToPath(new URL(entry, import.meta.url))],
    bundle: true,
    format: "esm",
    target: "es2022",
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:*", "node:*"],
    write: false
  })
  return result.outputFiles[0]?.text ?? ""
}

/** The worker under test in workerd, over D1, on a loopback port. One for each test file. */
export const startServer = async (entry = "./worker.ts") => {
  const lines: Array<string> = []
  const miniflare = new Miniflare({
    modules: true,
    script: await bundle(entry),
    compatibilityDate: "2026-07-30",
    host: "127.0.0.1",
    port: 0,
    d1Databases: ["DB"],
    durableObjects: { WEBSOCKET_SERVER: { className: "SyncBackendDO", useSQLite: true } },
    handleRuntimeStdio: (stdout: Readable, stderr: Readable) => {
      for (const stream of [stdout, stderr]) {
        stream.setEncoding("utf8").on("data", (text: string) => {
          lines.push(...text.split("\n").filter((line) => line !== ""))
        })
      }
    }
  })
  afterAll(() => miniflare.dispose())
  return { miniflare, url: (await miniflare.ready).toString(), lines }
}
