/** What rests on the platform: the object's sleep, its alarm, and its many sockets. */
import { Frame, Handshake } from "@tidelog/sync-protocol"
import * as Effect from "effect/Effect"
import { describe, expect, it, onTestFinished } from "vitest"
import * as AdminOperation from "../src/AdminOperation.ts"
import * as OperationText from "../src/OperationText.ts"
import { accepted, range } from "./support/frames.ts"
import { startServer } from "./support/server.ts"
import { events, WireClient } from "./support/WireClient.ts"

const { evict, lines, url } = await startServer("./limitedWorker.ts")

/** Connects as somebody whose authorisation lasts some milliseconds, or for good. */
const connect = async (storeId: string, as = "ann", lasts?: number) => {
  const payload = lasts === undefined ? { as } : { as, lasts }
  const client = await WireClient.open(
    Handshake.connectionUrl(url, { storeId, payload, transport: "ws", protocol: 1 })
  )
  onTestFinished(() => client.close())
  return client
}

const follow = async (storeId: string, as?: string, lasts?: number) => {
  const client = await connect(storeId, as, lasts)
  client.send(client.pullFrame("1"))
  await client.chunk("1")
  client.send({ _tag: "Ack", requestId: "1" })
  return client
}

const push = async (client: WireClient, id: string, from: number, to = from) => {
  client.send(client.pushFrame(id, events(from, to)))
  expect(await client.exit(id)).toEqual(accepted)
}

/**
 * How often a store's object came into memory, how often its server was started, and how often the
 * rule was asked. To ask does not wake the object.
 */
const countsOf = async (
  storeId: string
): Promise<{ readonly instances: number; readonly starts: number; readonly asked: number }> =>
  JSON.parse(
    await (await fetch(new URL(`/counts?storeId=${encodeURIComponent(storeId)}`, url))).text()
  )

/** Ends the accesses of an identity, as the Worker's routes do. How many there were. */
const revoke = async (storeId: string, identity: unknown) => {
  const operation = new AdminOperation.Revoke({ identity })
  const body = OperationText.encode({ storeId, operation })
  const answer = await fetch(new URL(`/admin?storeId=${storeId}`, url), { method: "POST", body })
  return Effect.runPromise(OperationText.readAnswer(operation, await answer.text()))
}

const sleep = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis))

const EXPIRED = { code: 4401, reason: "the authorisation has expired" }

const UNUSED = { code: 1008, reason: "no pull is open; please connect again" }

describe("out of memory", () => {
  it("[PULL-9] after ten seconds of silence, and the next event finds everything", async () => {
    // With whatever could keep it awake behind it: a start that two waited for, hooks, pages from the
    // log, an end that is far away.
    const [pusher] = await Promise.all([connect("silent", "bob"), follow("silent", "eve")])
    await push(pusher, "1", 1, 3)
    const reader = await follow("silent", "ann", 3_600_000)
    await push(pusher, "2", 4)
    await reader.until(() => reader.seqNums("1").length === 4)
    expect(await countsOf("silent")).toMatchObject({ instances: 1, starts: 1 })

    // It has ten seconds; the platform takes its own time beyond them when the machine is busy.
    let head = 4
    for (const silence of [12_000, 25_000, 45_000]) {
      await sleep(silence)
      head += 1
      await push(pusher, `${head}`, head)
      await reader.until(() => reader.seqNums("1").length === head)
      if ((await countsOf("silent")).instances > 1) break
    }
    // Only an object that had left memory comes into it again.
    expect(await countsOf("silent")).toMatchObject({ instances: 2, starts: 2 })
    expect(reader.seqNums("1")).toEqual(range(1, head))
    expect(reader.of("Exit", "1")).toEqual([])
    // Who they are was found as well.
    expect(await revoke("silent", { user: "bob" })).toEqual({ closed: 1 })
    expect(await pusher.closed).toMatchObject({ code: 4401 })
    expect(lines.filter((line) => line.includes(`"level":"ERROR"`))).toEqual([])
  }, 150_000)

  it("[PULL-9] what the version before this one left is gone on with", async () => {
    const [reader, pusher] = [await follow("older"), await connect("older", "bob")]
    await push(pusher, "1", 1)
    await reader.until(() => reader.seqNums("1").length === 1)
    await fetch(new URL("/downgrade?storeId=older", url))
    await evict("older")
    await push(pusher, "2", 2)
    await reader.until(() => reader.seqNums("1").length === 2)
    expect(await countsOf("older")).toMatchObject({ starts: 2 })
    expect(reader.seqNums("1")).toEqual([1, 2])
  })
})

describe("the alarm", () => {
  it("[AUTH-8] closes a sleeping socket at its end, and starts no server for it", async () => {
    const [client, other] = [await follow("ends", "ann", 1_500), await follow("ends", "bob")]
    await evict("ends")
    expect(await client.closed).toEqual(EXPIRED)
    expect(await countsOf("ends")).toMatchObject({ instances: 2, starts: 1 })
    await push(other, "2", 1)
    expect(other.seqNums("1")).toEqual([1])
    expect(client.seqNums("1")).toEqual([])
    const logged = lines.filter((line) => line.includes(`"storeId":"ends"`))
    expect(logged).toHaveLength(1)
    expect(logged[0]).toContain(`"code":4401`)
  })

  it("[AUTH-8] closes one that is awake, each at its own end", async () => {
    const [first, second] = [await follow("each", "ann", 1_000), await follow("each", "bob", 2_000)]
    expect(await first.closed).toEqual(EXPIRED)
    await push(second, "2", 1)
    expect(second.seqNums("1")).toEqual([1])
    await evict("each")
    expect(await second.closed).toEqual(EXPIRED)
    expect(await countsOf("each")).toMatchObject({ starts: 1 })
  })

  it("[AUTH-8] is no obstacle to an end beyond all dates", async () => {
    const client = await follow("far", "ann", 8e15)
    await push(client, "2", 1)
    await evict("far")
    await push(client, "3", 2)
    expect(client.seqNums("1")).toEqual([1, 2])
  })

  it.each(["awake", "asleep"])(
    "[LIMIT-9] closes a socket that pings and never pulls: %s",
    async (how) => {
      const storeId = `unused-${how}`
      const [reader, idler] = [await follow(storeId), await connect(storeId, "bob")]
      const opened = performance.now()
      const pinging = setInterval(() => idler.send(Frame.PING_TEXT), 200)
      onTestFinished(() => clearInterval(pinging))
      if (how === "asleep") await evict(storeId)
      expect(await idler.closed).toEqual(UNUSED)
      expect(performance.now() - opened).toBeGreaterThan(1_300)
      expect(await countsOf(storeId)).toMatchObject({ starts: 1 })
      expect(idler.texts).toContain(Frame.PONG_TEXT)
      await push(reader, "2", 1)
      expect(reader.seqNums("1")).toEqual([1])
    }
  )
})

describe("sockets of a store", () => {
  it("[LIMIT-5] one too many is put off, the others go on, and a place that is left is a place", async () => {
    const [first, second] = [await follow("crowded"), await follow("crowded", "bob")]
    const full = {
      code: 1013,
      reason: "the store has 2 connections, and takes no more just now"
    }
    expect(await (await connect("crowded", "eve")).closed).toEqual(full)
    await push(first, "2", 1)
    await second.until(() => second.seqNums("1").length === 1)
    // Those that sleep are there as well.
    await evict("crowded")
    expect(await (await connect("crowded", "eve")).closed).toEqual(full)
    first.close()
    await first.closed
    const third = await follow("crowded", "eve")
    await push(third, "2", 2)
    await second.until(() => second.seqNums("1").length === 2)
    // It is this store that is full, not the server.
    await follow("crowded-too")
  })
})

describe("an access that is revoked", () => {
  it.each(["awake", "asleep"])("[AUTH-9] ends while its connection is %s", async (how) => {
    const storeId = `revoked-${how}`
    const ann = await follow(storeId, "ann")
    const bob = await follow(storeId, "bob")
    const annAgain = await follow(storeId, "ann")
    if (how === "asleep") await evict(storeId)
    expect(await revoke(storeId, { user: "nobody" })).toEqual({ closed: 0 })
    expect(await revoke(storeId, { user: "ann" })).toEqual({ closed: 2 })
    for (const client of [ann, annAgain]) {
      expect(await client.closed).toEqual({ code: 4401, reason: "the access was revoked" })
    }
    await push(bob, "2", 1)
    expect(bob.seqNums("1")).toEqual([1])
    expect(ann.seqNums("1")).toEqual([])
    const logged = lines.filter((line) => line.includes(`"storeId":"${storeId}"`))
    expect(logged.map((line) => JSON.parse(line).annotations.code)).toEqual([4401, 4401])
  })
})

describe("opening a connection", () => {
  it("[LIMIT-4] a storeId of exactly the limit opens it; a longer one is refused unasked", async () => {
    await follow("s".repeat(30))
    expect(await countsOf("s".repeat(30))).toMatchObject({ asked: 1 })
    const long = await connect("s".repeat(31))
    expect(await long.closed).toEqual({
      code: 4400,
      reason: "storeId is longer than 30 characters"
    })
    expect(await countsOf("s".repeat(31))).toEqual({ instances: 0, starts: 0, asked: 0 })
  })

  it("[LIMIT-4] so does a payload, in bytes", async () => {
    const name = (bytes: number) => "é".repeat((bytes - JSON.stringify({ as: "" }).length) / 2)
    expect(new TextEncoder().encode(JSON.stringify({ as: name(99) })).length).toBe(99)
    await follow("payloads", name(99))
    const large = await connect("payloads", name(101))
    expect(await large.closed).toEqual({
      code: 4413,
      reason: "the payload may have 100 bytes as JSON"
    })
    expect(await countsOf("payloads")).toMatchObject({ asked: 1 })
  })
})
