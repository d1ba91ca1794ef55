/** The README's snippets are programs: all of them compile, and the whole workers run. */
import { fileURLToPath } from "node:url"
import { Handshake } from "@tidelog/sync-protocol"
import { describe, expect, it } from "vitest"
import { problemsOf, snippetsOf } from "../../../readme.shared.ts"
import { accepted } from "./support/frames.ts"
import { startServer } from "./support/server.ts"
import { events, WireClient } from "./support/WireClient.ts"

const root = fileURLToPath(new URL("..", import.meta.url))

const snippets = snippetsOf(root)

/** A worker with its object. */
const whole = snippets.filter(
  ({ code }) => code.includes("export class SyncBackendDO") && code.includes("export default")
)

it("[HOOK-5] every snippet compiles as strictly as the package does", () => {
  expect(snippets.length).toBeGreaterThan(4)
  expect(problemsOf(root, "tsconfig.test-worker.json", snippets)).toEqual([])
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

  it("[AUTH-6] lets nobody in where its secret is not set", async () => {
    const { code } = whole.find(({ code }) => code.includes("SYNC_TOKEN")) ?? { code: "" }
    const { stop, url } = await startServer({ code }, { d1Databases: ["EVENTS"] })
    for (const authToken of ["", "undefined", "readme"]) {
      const client = await WireClient.connect(url, "readme", { authToken })
      expect(await client.closed).toMatchObject({ code: 1013 })
    }
    await stop()
  })
})
