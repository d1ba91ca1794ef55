/** The Worker in workerd, with its databases: who gets in, and where the rows are. */
import { Handshake } from "@tidelog/sync-protocol"
import { describe, expect, it } from "vitest"
import { accepted, refused } from "../../../packages/sync-worker/test/support/frames.ts"
import { startServer } from "../../../packages/sync-worker/test/support/server.ts"
import { events, WireClient } from "../../../packages/sync-worker/test/support/WireClient.ts"
import { shardOf } from "../src/shardOf.ts"

const SECRET = "a secret of the test"
const DATABASES = ["SHARD_0", "SHARD_1", "SHARD_2", "AUDIT"]
const ORIGIN = "https://app.example"

const { miniflare, url } = await startServer(new URL("../src/index.ts", import.meta.url).href, {
  d1Databases: DATABASES,
  bindings: { SESSION_SECRET: SECRET, LOGIN_CODE: "open sesame", ADMIN_SECRET: "operators only" }
})

const connect = (storeId: string, cookie: string, origin = ORIGIN) =>
  WireClient.open(Handshake.connectionUrl(url, { storeId, transport: "ws", protocol: 1 }), {
    cookie,
    origin
  })

const login = (body: unknown, origin = ORIGIN) =>
  fetch(new URL("/login", url), {
    method: "POST",
    headers: { origin },
    body: JSON.stringify(body)
  })

/** The cookie of somebody who has signed in. */
const signIn = async (user: string): Promise<string> => {
  const response = await login({ user, code: "open sesame" })
  expect(response.status).toBe(204)
  return /^[^;]+/.exec(response.headers.get("set-cookie") ?? "")?.[0] ?? ""
}

/** A cookie as the Worker would write it, with another secret or another time. */
const forge = async (session: object, secret = SECRET): Promise<string> => {
  const text = Buffer.from(JSON.stringify(session)).toString("base64url")
  const key = await crypto.subtle.importKey(
    "raw",
    Buffer.from(secret),
    { name: "HMAC", hash: "SHA-256" },
    false,
    ["sign"]
  )
  const signature = await crypto.subtle.sign("HMAC", key, Buffer.from(text))
  return `session=${text}.${Buffer.from(signature).toString("base64url")}`
}

const LATER = Date.UTC(2099, 0, 1)

describe("a cookie", () => {
  it("[AUTH-1] lets in whom it was given to, among others of the page", async () => {
    const cookie = await signIn("ann")
    const client = await connect("cookies", `theme=dark; ${cookie}; other=1`)
    client.send(client.pushFrame("1", events(1)))
    expect(await client.exit("1")).toEqual(accepted)
    client.close()
  })

  it("[AUTH-1] is what the test takes it for", async () => {
    const client = await connect("forged", await forge({ user: "eve", expiresAt: LATER }))
    client.send(client.pullFrame("1", { live: false }))
    await client.exit("1")
    client.close()
  })

  it("[AUTH-3] that is forged, changed, over or missing lets nobody in", async () => {
    const good = await forge({ user: "eve", expiresAt: LATER })
    const [, signature = ""] = good.split(".")
    const other = Buffer.from(JSON.stringify({ user: "ann", expiresAt: LATER }))
    for (const cookie of [
      await forge({ user: "eve", expiresAt: LATER }, "another secret"),
      await forge({ user: "eve", expiresAt: Date.UTC(2020, 0, 1) }),
      await forge({ user: "eve" }),
      `session=${other.toString("base64url")}.${signature}`,
      good.replace(/\..*/, ""),
      `session=${"%".repeat(20)}.${"%".repeat(20)}`,
      `not${good}`,
      ""
    ]) {
      const client = await connect("refused", cookie)
      expect(await client.closed, cookie).toEqual({ code: 4401, reason: "please sign in" })
    }
  })

  it("[AUTH-4] lets in nobody from another page", async () => {
    const client = await connect("origins", await signIn("ann"), "https://evil.example")
    expect(await client.closed).toEqual({ code: 4403, reason: "this origin may not connect" })
    const response = await login({ user: "ann", code: "open sesame" }, "https://evil.example")
    expect([response.status, response.headers.get("set-cookie")]).toEqual([403, null])
  })

  it("[AUTH-1] is only for those who know the code", async () => {
    expect((await login({ user: "ann", code: "open" })).status).toBe(401)
    expect((await login({ user: "", code: "open sesame" })).status).toBe(400)
    expect((await login("ann")).status).toBe(400)
  })
})

const tablesOf = async (binding: string): Promise<ReadonlyArray<unknown>> => {
  const database = await miniflare.getD1Database(binding)
  const { results } = await database
    .prepare("SELECT name FROM sqlite_master WHERE name LIKE 'eventlog%' ORDER BY name")
    .all()
  return results.map(({ name }) => name)
}

it("[LOG-4] the rows of a store are in its shard, and in no other", async () => {
  const cookie = await signIn("ann")
  const stores = Array.from({ length: 9 }, (_, index) => `shard_${index}`)
  for (const storeId of stores) {
    const client = await connect(storeId, cookie)
    client.send(client.pushFrame("1", events(1, 3)))
    expect(await client.exit("1")).toEqual(accepted)
    client.close()
  }
  const shards = DATABASES.slice(0, 3)
  expect(new Set(stores.map(shardOf))).toEqual(new Set(shards))
  for (const shard of shards) {
    const expected = stores.filter((storeId) => shardOf(storeId) === shard)
    const found = (await tablesOf(shard)).filter((name) => String(name).includes("_shard_"))
    expect(found).toEqual(expected.map((storeId) => `eventlog_7_${storeId}`))
  }
})

it("[HEALTH-1][ADMIN-3][ADMIN-5] health and stores are those of all shards", async () => {
  const ask = async (path: string, method = "GET") => {
    const response = await fetch(new URL(path, url), {
      method,
      headers: { authorization: "Bearer operators only" }
    })
    return [response.status, await response.text()] as const
  }
  const json = async (path: string) => {
    const [status, text] = await ask(path)
    return [status, JSON.parse(text)]
  }
  expect(await json("/health")).toMatchObject([200, { status: "ok", storage: "ok" }])

  const cookie = await signIn("ann")
  const stores = Array.from({ length: 6 }, (_, index) => `~admin_${index}`)
  expect(new Set(stores.map(shardOf)).size).toBe(3)
  for (const storeId of stores) {
    const client = await connect(storeId, cookie)
    client.send(client.pushFrame("1", events(1, 2)))
    expect(await client.exit("1")).toEqual(accepted)
    client.close()
    expect(await json(`/admin/stores/~${storeId}`)).toMatchObject([200, { head: 2, events: 2 }])
  }
  const named = (...ids: ReadonlyArray<string>) => ids.map((storeId) => ({ storeId }))
  expect(await json("/admin/stores?after=~&limit=4")).toMatchObject([
    200,
    { stores: named(...stores.slice(0, 4)), next: stores[3] }
  ])
  const [, rest] = await json(`/admin/stores?after=${stores[3]}`)
  expect(rest).toMatchObject({ stores: named(...stores.slice(4)) })
  expect(rest).not.toHaveProperty("next")

  expect((await ask("/admin/stores/nobody"))[0]).toBe(404)
  expect((await ask(`/admin/stores/~${stores[0]}`, "DELETE"))[0]).toBe(204)
  expect((await ask(`/admin/stores/~${stores[0]}`))[0]).toBe(404)
})

it("[HOOK-1][HOOK-5] hooks know who it is, and have a service of their own", async () => {
  const ann = await connect("audit", await signIn("ann"))
  const guest = await connect("audit", await signIn("guest-1"))
  guest.send(guest.pushFrame("1", events(1)))
  expect(await guest.exit("1")).toMatchObject(refused("PushRejected", "guests may only look"))
  ann.send(ann.pushFrame("1", events(1)))
  expect(await ann.exit("1")).toEqual(accepted)
  // The audit is written in the background.
  const database = await miniflare.getD1Database("AUDIT")
  const read = async () =>
    (
      await database
        .prepare("SELECT user, outcome FROM audit WHERE storeId = 'audit' ORDER BY user")
        .all()
    ).results
  await expect.poll(read, { timeout: 4_000 }).toEqual([
    { user: "ann", outcome: "stored" },
    { user: "guest-1", outcome: "Refusal" }
  ])
  ann.close()
  guest.close()
})
