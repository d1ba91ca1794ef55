/** The README's snippets are programs: all of them compile, and the whole workers run. */
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { Handshake } from "@tidelog/sync-protocol"
import * as ts from "typescript"
import { describe, expect, it } from "vitest"
import { accepted } from "./support/frames.ts"
import { startServer } from "./support/server.ts"
import { events, WireClient } from "./support/WireClient.ts"

const root = fileURLToPath(new URL("..", import.meta.url))

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8")

const snippets = Array.from(readme.matchAll(/^```ts\n(.*?)^```$/gms), ([, code = ""], index) => ({
  code,
  // Beside the tests, so that it finds what they find.
  path: `${root}test/readme-${index}.ts`,
  line: readme.slice(0, readme.indexOf(code)).split("\n").length
}))

/** A worker with its object. */
const whole = snippets.filter(
  ({ code }) => code.includes("export class SyncBackendDO") && code.includes("export default")
)

const optionsOf = (path: string): ts.CompilerOptions => {
  const { config } = ts.readConfigFile(path, (file) => ts.sys.readFile(file))
  return ts.parseJsonConfigFileContent(config, ts.sys, root, undefined, path).options
}

it("[HOOK-5] every snippet compiles as strictly as the package does", () => {
  expect(snippets.length).toBeGreaterThan(4)
  const options = {
    ...optionsOf(`${root}tsconfig.test-worker.json`),
    noEmit: true,
    incremental: false,
    noUnusedLocals: false
  }
  delete options.tsBuildInfoFile
  const host = ts.createCompilerHost(options)
  const find = (path: string) => snippets.find((snippet) => snippet.path === path)?.code
  const withSnippets: ts.CompilerHost = {
    ...host,
    fileExists: (path) => find(path) !== undefined || host.fileExists(path),
    readFile: (path) => find(path) ?? host.readFile(path),
    getSourceFile: (path, ...rest) => {
      const code = find(path)
      return code === undefined
        ? host.getSourceFile(path, ...rest)
        : ts.createSourceFile(path, code, rest[0])
    }
  }
  const program = ts.createProgram(
    snippets.map(({ path }) => path),
    options,
    withSnippets
  )
  const problems = snippets.flatMap(({ line, path }) => {
    const file = program.getSourceFile(path)
    return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)].map(
      ({ messageText, start = 0 }) => {
        const place = file?.getLineAndCharacterOfPosition(start).line ?? 0
        return `README.md:${line + place}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`
      }
    )
  })
  expect(problems).toEqual([])
}, 60_000)

const ADMIN_SECRET = "readme's secret"

describe("each way to use it", () => {
  it("is one of three", () => {
    expect(whole).toHaveLength(3)
  })

  it.each(whole)(
    "[PUSH-2][PULL-1][HEALTH-1][ADMIN-3] serves a push and a pull, health and stores: line $line",
    async ({ code }) => {
      const { stop, url } = await startServer(
        { code },
        // One, by the name that the snippet has for it: with any other it is not configured.
        {
          d1Databases: [code.includes(`"EVENTS"`) ? "EVENTS" : "DB"],
          bindings: { SYNC_TOKEN: "readme", ADMIN_SECRET }
        }
      )
      const client = await WireClient.open(
        Handshake.connectionUrl(url, {
          storeId: "readme",
          payload: { authToken: "readme" },
          transport: "ws",
          protocol: 1
        })
      )
      client.send(client.pullFrame("1"))
      await client.chunk("1")
      client.send(client.pushFrame("2", events(1, 2)))
      expect(await client.exit("2")).toEqual(accepted)
      expect(client.seqNums("1")).toEqual([1, 2])
      const health = await fetch(new URL("health", url))
      expect([health.status, await health.json()]).toMatchObject([200, { storage: "ok" }])
      const store = await fetch(new URL("admin/stores/readme", url), {
        headers: { authorization: `Bearer ${ADMIN_SECRET}` }
      })
      expect([store.status, await store.json()]).toMatchObject([200, { head: 2, sockets: 1 }])
      client.close()
      await stop()
    },
    30_000
  )
})
