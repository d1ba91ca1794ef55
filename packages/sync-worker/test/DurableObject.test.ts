/** The object in workerd: what only the platform can show. */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Frame, Handshake } from "@tidelog/sync-protocol"
import { describe, expect, it, onTestFinished } from "vitest"
import { accepted, range, refused, serverAhead } from "./support/frames.ts"
import { RudeClient } from "./support/RudeClient.ts"
import { startServer } from "./support/server.ts"
import { events, WireClient } from "./support/WireClient.ts"

const { evict, lines, miniflare, url } = await startServer("./hookedWorker.ts")

const database = await miniflare.getD1Database("DB")

const urlOf = (storeId: string, as: string) =>
  Handshake.connectionUrl(url, { storeId, payload: { as }, transport: "ws", protocol: 1 })

const connect = (storeId: string, as = "ann", headers?: Record<string, string>) =>
  WireClient.open(urlOf(storeId, as), headers)

const rudely = (storeId: string) => RudeClient.open(urlOf(storeId, "ann"))

/** How often a store's server was started. */
const startsOf = async (storeId: string) =>
  Number(await (await fetch(new URL(`/starts?storeId=${storeId}`, url))).text())

/** A store's row in the registry. */
const registered = async (storeId: string) =>
  (
    await database
      .prepare("SELECT storeId, tableName, backendId FROM tidelog_stores WHERE storeId = ?1")
      .bind(storeId)
      .all()
  ).results

const push = async (client: WireClient, id: string, from: number, to = from) => {
  client.send(client.pushFrame(id, events(from, to)))
  expect(await client.exit(id)).toEqual(accepted)
}

const follow = async (client: WireClient, id = "1") => {
  client.send(client.pullFrame(id))
  await client.chunk(id)
}

/** Who the object believes a client to be. */
const whoIs = async (client: WireClient, id: string): Promise<unknown> => {
  client.send(client.pushFrame(id, [{ ...events(1)[0], name: "who" }]))
  const text = JSON.stringify(await client.exit(id))
  return JSON.parse(JSON.parse(text).cause.error.cause.message)
}

describe("out of memory and back", () => {
  it("[PULL-9] the next event reaches a live pull as if nothing had been", async () => {
    const [reader, pusher] = [await connect("sleeper"), await connect("sleeper", "bob")]
    await follow(reader)
    await push(pusher, "1", 1, 3)
    for (let round = 0; round < 3; round++) {
      await evict("sleeper")
      await push(pusher, String(round + 2), 4 + round)
      await reader.until(() => reader.seqNums("1").length === 4 + round)
    }
    expect(await startsOf("sleeper")).toBe(4)
    expect(reader.seqNums("1")).toEqual(range(1, 6))
    expect(reader.of("Exit", "1")).toEqual([])
    reader.close()
    pusher.close()
  })

  it("[PULL-9] each connection is still who it was", async () => {
    const headers = { "x-region": "eu", authorization: "Bearer t", "x-other": "not kept" }
    const [ann, bob] = [await connect("who", "ann", headers), await connect("who", "bob")]
    const before = await whoIs(ann, "1")
    expect(before).toEqual({
      connectionId: expect.stringMatching(/^[0-9a-f]{8}$/),
      storeId: "who",
      payload: { as: "ann" },
      identity: { user: "ann", storeId: "who", agent: expect.anything() },
      headers: { "x-region": "eu", authorization: "Bearer t" }
    })
    await evict("who")
    expect(await whoIs(ann, "2")).toEqual(before)
    expect(await whoIs(bob, "1")).toMatchObject({ identity: { user: "bob" }, headers: {} })
    ann.close()
    bob.close()
  })

  it("[PULL-5] the window is as it was", async () => {
    const [reader, pusher] = [await connect("window"), await connect("window")]
    await follow(reader)
    for (let seqNum = 1; seqNum <= 17; seqNum++) await push(pusher, String(seqNum), seqNum)
    await evict("window")
    await push(pusher, "18", 18)
    expect(reader.seqNums("1")).toEqual(range(1, 15))
    reader.send({ _tag: "Ack", requestId: "1" })
    await reader.until(() => reader.seqNums("1").length === 18)
    expect(reader.seqNums("1")).toEqual(range(1, 18))
    reader.close()
    pusher.close()
  })

  it("[PULL-6] a pull that ended stays ended", async () => {
    const [reader, pusher] = [await connect("endings"), await connect("endings")]
    await follow(reader)
    reader.send({ _tag: "Interrupt", requestId: "1" })
    await reader.exit("1")
    await follow(reader, "2")
    await evict("endings")
    await push(pusher, "1", 1)
    await reader.until(() => reader.seqNums("2").length === 1)
    expect(reader.seqNums("1")).toEqual([])
    reader.close()
    pusher.close()
  })

  it("[FRAME-4] a Ping is answered without waking the object", async () => {
    const client = await connect("pings")
    await follow(client)
    await evict("pings")
    client.send(Frame.PING_TEXT)
    await client.count(2)
    expect(client.texts[1]).toBe(Frame.PONG_TEXT)
    expect(await startsOf("pings")).toBe(1)
    // Any other frame wakes it.
    client.send({ _tag: "Ack", requestId: "1" })
    client.send(`{ "_tag": "Ping" }`)
    await client.count(3)
    expect(await startsOf("pings")).toBe(2)
    client.close()
  })

  it("[PULL-9] a client that leaves does not wake the object", async () => {
    const client = await connect("leaver")
    await follow(client)
    await evict("leaver")
    client.close(3001, "good night")
    expect(await client.closed).toEqual({ code: 3001, reason: "good night" })
    expect(await startsOf("leaver")).toBe(1)
  })

  const unreadable = {
    "[PULL-9] of another version": `{"version":99,"session":{}}`,
    "[TAKE-10] of the official backend": `{"storeId":"spoilt","payload":{"as":"ann"},"pullRequestIds":["1"]}`
  }
  for (const [whose, attachment] of Object.entries(unreadable)) {
    it(`${whose}, an attachment closes its connection as transient`, async () => {
      const storeId = `spoilt${attachment.length}`
      const client = await connect(storeId)
      const other = await rudely(storeId)
      await follow(client)
      const search = new URLSearchParams({ storeId, attachment })
      await fetch(new URL(`/spoil?${search.toString()}`, url))
      await evict(storeId)
      client.send({ _tag: "Ack", requestId: "1" })
      expect(await client.closed).toEqual({ code: 1013, reason: "please connect again" })
      expect(await startsOf(storeId)).toBe(1)
      // The other is found unreadable when the object starts for somebody new.
      const next = await connect(storeId)
      await push(next, "1", 1)
      await other.until((received) => received.includes("please connect again"))
      other.hangUp()
      next.close()
    })
  }

  it("[FRAME-5][REFUSE-5] a connection that the server closed stays closed, and is told once", async () => {
    const closings = () => lines.filter((line) => line.includes("connection closed")).length
    const before = closings()
    const rude = await rudely("rude")
    const polite = await connect("rude")
    await follow(polite)
    rude.send("nonsense")
    await rude.until((received) => received.includes("not a frame of this protocol"))
    await evict("rude")
    rude.send(JSON.stringify(polite.pushFrame("1", events(1, 1, "rude"))))
    await push(polite, "2", 1)
    await evict("rude")
    await push(polite, "3", 2)
    rude.send(JSON.stringify(polite.pushFrame("1", events(3, 3, "rude"))))
    await push(polite, "4", 3)
    expect(polite.seqNums("1")).toEqual([1, 2, 3])
    const { results } = await database.prepare("SELECT clientId FROM eventlog_7_rude").all()
    expect(results).toEqual([1, 2, 3].map(() => ({ clientId: "client-a" })))
    expect(closings()).toBe(before + 1)
    rude.hangUp()
    polite.close()
  })
})

describe("connections", () => {
  it("[HAND-6] a close is answered with its own code, and nothing is left behind", async () => {
    for (const [code, reason] of [
      [1000, ""],
      [1000, "done"],
      [4321, "ä".repeat(60)]
    ] as const) {
      const client = await connect("closes")
      await follow(client)
      client.close(code, reason)
      expect(await client.closed).toEqual({ code, reason })
    }
    const last = await connect("closes")
    await push(last, "1", 1)
    last.close()
    expect(lines.filter((line) => line.includes(`"closes"`))).toEqual([])
  })

  it("[HAND-5] a refused connection never reaches the object, and leaves no trace", async () => {
    const broken = await connect("refused", "broken")
    expect(await broken.closed).toEqual({
      code: 4401,
      reason: "the credentials were not accepted"
    })
    const forbidden = await connect("refused", "forbidden")
    expect(await forbidden.closed).toEqual({ code: 4403, reason: "this store is not yours" })
    expect(await startsOf("refused")).toBe(0)
    expect(await registered("refused")).toEqual([])
  })

  it("[HAND-6] an identity that does not fit, or is no JSON, opens no connection", async () => {
    const large = await connect("identities", "large")
    expect(await large.closed).toMatchObject({ code: 4413 })
    const unwritable = await connect("identities", "unwritable")
    expect(await unwritable.closed).toEqual({
      code: 1011,
      reason: "the server made a mistake"
    })
  })

  it("[HAND-6] the object takes nobody who does not come through the Worker", async () => {
    const answer = await fetch(new URL("/object?storeId=direct&transport=ws", url))
    expect(answer.status).toBe(403)
    const forged = await fetch(new URL("/object?storeId=direct&transport=ws", url), {
      headers: { "x-tidelog-grant": "%7B%7D" }
    })
    expect(forged.status).toBe(403)
    expect(await startsOf("direct")).toBe(0)
  })

  it("[HAND-6] what a client sends under the Worker's own header is overwritten", async () => {
    const client = await connect("forged", "ann", {
      "x-tidelog-grant": encodeURIComponent(
        JSON.stringify({ connectionId: "c", storeId: "sleeper", identity: "root" })
      )
    })
    expect(await whoIs(client, "1")).toMatchObject({
      storeId: "forged",
      identity: { user: "ann" }
    })
    client.close()
  })

  it.each(["fails_once", "dies_once"])(
    "[PULL-11] a start that failed is not kept: %s",
    async (storeId) => {
      const first = await connect(storeId)
      expect(await first.closed).toEqual({
        code: 1013,
        reason: "the store cannot be opened just now"
      })
      const second = await connect(storeId)
      await follow(second)
      await push(second, "2", 1)
      expect(second.seqNums("1")).toEqual([1])
      expect(await startsOf(storeId)).toBe(2)
      second.close()
    }
  )
})

describe("the log in D1", () => {
  it("[LOG-2] holds the events of a store in a table of its own, and its name in the registry", async () => {
    const client = await connect("Shopping List")
    await follow(client)
    await push(client, "2", 1, 30)
    await push(client, "3", 31)
    const [row] = await registered("Shopping List")
    expect(row).toMatchObject({ backendId: client.backendId() })
    expect(String(row?.["tableName"])).toMatch(/^eventlog_7_shopping_list__[0-9a-f]{32}$/)
    const { results } = await database
      .prepare(`SELECT seqNum, parentSeqNum, args FROM ${String(row?.["tableName"])}`)
      .all()
    expect(results).toEqual(
      events(1, 31).map(({ args, parentSeqNum, seqNum }) => ({
        seqNum,
        parentSeqNum,
        args: JSON.stringify(args)
      }))
    )
    client.close()
  })

  it("[LOG-4] keeps two stores apart", async () => {
    const [one, two] = [await connect("apart"), await connect("Apart")]
    for (const client of [one, two]) await follow(client)
    await push(one, "2", 1, 2)
    await push(two, "2", 1)
    expect(one.seqNums("1")).toEqual([1, 2])
    expect(two.seqNums("1")).toEqual([1])
    expect(one.backendId()).not.toBe(two.backendId())
    one.close()
    two.close()
  })

  it("[LOG-1] is the log also where another writes to it", async () => {
    const client = await connect("shared")
    await follow(client)
    await push(client, "2", 1)
    await database
      .prepare(
        "INSERT INTO eventlog_7_shared VALUES (2, 1, 'other', NULL, '2026-01-01T00:00:00.000Z', 'x', 'y')"
      )
      .run()
    client.send(client.pushFrame("3", events(2)))
    expect(await client.exit("3")).toEqual(serverAhead(2, 1))
    expect(client.seqNums("1")).toEqual([1, 2])
    await push(client, "4", 3)
    client.close()
  })
})

describe("a server that starts again", () => {
  it("[LOG-2] finds head, backendId and events where they were", async () => {
    const persist = await mkdtemp(join(tmpdir(), "tidelog-"))
    onTestFinished(() => rm(persist, { recursive: true, force: true }))
    const first = await startServer("./worker.ts", { persist })
    const before = await WireClient.connect(first.url, "durable")
    await follow(before)
    await push(before, "2", 1, 3)
    const backendId = before.backendId()
    await first.stop()
    // A server that is gone says nothing.
    expect((await before.closed).code).toBe(1006)

    const second = await startServer("./worker.ts", { persist })
    const after = await WireClient.connect(second.url, "durable")
    after.send(after.pullFrame("1", { after: 2, backendId: backendId ?? "" }))
    await after.chunk("1")
    expect(after.backendId()).toBe(backendId)
    // The push whose answer may have been lost, and the next one.
    await push(after, "2", 1, 3)
    await push(after, "3", 4)
    expect(after.seqNums("1")).toEqual([3, 4])
    await second.stop()
  })

  it("[PULL-11] without its database refuses as transient, and says why in its log", async () => {
    const server = await startServer("./worker.ts", { d1Databases: [] })
    const client = await WireClient.connect(server.url, "nodb")
    expect(await client.closed).toEqual({
      code: 1013,
      reason: "the store cannot be opened just now"
    })
    expect(server.lines.join("\n")).toContain("no D1 binding named DB")
    await server.stop()
  })
})

it("[PUSH-9] what the database says is in the log, and on no wire", async () => {
  const client = await connect("spoiled")
  await follow(client)
  await push(client, "2", 1)
  await database.prepare("ALTER TABLE eventlog_7_spoiled RENAME COLUMN args TO other").run()
  client.send(client.pushFrame("3", events(2)))
  expect(await client.exit("3")).toMatchObject(refused("StorageUnavailable"))
  expect(client.texts.join()).not.toContain("eventlog_7")
  const logged = lines.filter((line) => line.includes(`"storeId":"spoiled"`))
  expect(logged.join()).toContain("table eventlog_7_spoiled has no column named args")
  client.close()
})

it("[REFUSE-1] a refusal of the app reaches the client in its words", async () => {
  const client = await connect("words")
  client.send(client.pushFrame("1", [{ ...events(1)[0], name: "who" }]))
  expect(await client.exit("1")).toMatchObject(refused("PushRejected"))
  client.close()
})
