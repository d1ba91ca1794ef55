/** Every refusal is one line in the log, in workerd: what production keeps of it. */
import { Handshake } from "@tidelog/sync-protocol"
import { describe, expect, it, onTestFinished } from "vitest"
import * as AdminOperation from "../src/AdminOperation.ts"
import * as Grant from "../src/Grant.ts"
import * as OperationText from "../src/OperationText.ts"
import { eventually } from "./support/eventually.ts"
import { accepted } from "./support/frames.ts"
import { RudeClient } from "./support/RudeClient.ts"
import { startServer } from "./support/server.ts"
import { events, WireClient } from "./support/WireClient.ts"

const { evict, lines, url } = await startServer("./refusingWorker.ts")

const urlOf = (storeId: string, as = "ann", protocol = 1) =>
  Handshake.connectionUrl(url, { storeId, payload: { as }, transport: "ws", protocol })

const connect = async (storeId: string, as?: string, headers?: Record<string, string>) => {
  const client = await WireClient.open(urlOf(storeId, as), headers)
  onTestFinished(() => client.close())
  return client
}

/** A connection that the server has taken on. */
const follow = async (storeId: string) => {
  const client = await connect(storeId)
  client.send(client.pullFrame("1"))
  await client.chunk("1")
  return client
}

/** Somebody who does not answer a close, and how to be closed. */
const rudeClient = async (storeId: string) => {
  const client = await RudeClient.open(urlOf(storeId))
  onTestFinished(() => client.hangUp())
  return {
    send: (text: string) => client.send(text),
    provoke: () => {
      client.send("nonsense")
      return client.until((received) => received.includes("not a frame of this protocol"))
    }
  }
}

interface Line {
  readonly level: string
  readonly message: string
  readonly [annotation: string]: unknown
}

/** The lines about a store, or about none: warnings and errors. */
const linesOf = (storeId: string | undefined): ReadonlyArray<Line> =>
  lines
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line))
    .filter(({ annotations, logLevel }) => annotations.storeId === storeId && logLevel !== "INFO")
    .map(({ annotations, logLevel, message }) => ({ level: logLevel, message, ...annotations }))

/** Waits for the lines about a store, and for a moment in which one too many could come. */
const logged = async (storeId: string, count = 1) => {
  await eventually(() => expect(linesOf(storeId).length).toBeGreaterThanOrEqual(count))
  await new Promise((resolve) => setTimeout(resolve, 50))
  return linesOf(storeId)
}

const isMistake = (line: string) => line.includes("allowedOrigins failed")

const CONNECTION_ID = expect.stringMatching(/^[0-9a-f]{8}$/)

const refused = (code: number, reason: string, more: object = {}) => ({
  level: "WARN",
  message: "connection refused",
  connectionId: CONNECTION_ID,
  code,
  reason,
  ...more
})

describe("a connection that the Worker refuses", () => {
  it("[REFUSE-5] is a line: by its rule", async () => {
    const client = await connect("forbidden", "eve")
    expect(await client.closed).toEqual({ code: 4403, reason: "not yours" })
    expect(await logged("forbidden")).toEqual([
      refused(4403, "not yours", { storeId: "forbidden" })
    ])
  })

  it("[REFUSE-5][AUTH-6] is a line, behind one of services that cannot be built", async () => {
    const client = await WireClient.open(
      urlOf("serviceless").replace("/websocket", "/own/websocket")
    )
    const { code, reason } = await client.closed
    expect(code).toBe(1013)
    const [failed, ...others] = await logged("serviceless", 2)
    expect(failed).toMatchObject({
      level: "ERROR",
      message: "the authorisation could not be built"
    })
    expect(others).toEqual([refused(code, reason, { storeId: "serviceless" })])
  })

  it("[REFUSE-5] is a line of its own store, behind that of a rule that fails", async () => {
    for (const storeId of ["failing-one", "failing-two"]) {
      const client = await connect(storeId, "nobody")
      const { code, reason } = await client.closed
      expect(code).toBe(4401)
      const [failed, line, ...others] = await logged(storeId, 2)
      expect(failed).toMatchObject({ level: "ERROR", message: "validatePayload failed" })
      expect([line, ...others]).toEqual([refused(code, reason, { storeId })])
      expect(failed?.["connectionId"]).toBe(line?.["connectionId"])
    }
  })

  it("[REFUSE-5][AUTH-4] is a line that names the page: for its origin", async () => {
    const origin = "https://evil.example"
    const client = await connect("elsewhere", "ann", { origin })
    const reason = "this origin may not connect"
    expect(await client.closed).toEqual({ code: 4403, reason })
    expect(await logged("elsewhere")).toEqual([
      refused(4403, reason, { storeId: "elsewhere", origin })
    ])
  })

  it("[REFUSE-5][AUTH-4] is a line, behind that of a predicate that throws", async () => {
    const origin = "https://broken.example"
    const client = await connect("unlisted", "ann", { origin })
    const reason = "this origin may not connect"
    expect(await client.closed).toEqual({ code: 4403, reason })
    const [mistake, ...others] = await logged("unlisted", 2)
    expect(mistake).toMatchObject({ level: "ERROR", message: "allowedOrigins failed", origin })
    expect(others).toEqual([refused(4403, reason, { storeId: "unlisted", origin })])
    expect(lines.join("\n")).toContain("no such list")
    const response = await fetch(new URL("?storeId=unlisted", url), { headers: { origin } })
    expect(response.status).toBe(403)
    await eventually(() => expect(lines.filter(isMistake)).toHaveLength(2))
  })

  it("[REFUSE-5][AUTH-4] is a line: for a predicate that does not answer at once", async () => {
    const origin = "https://later.example"
    const client = await connect("unanswered", "ann", { origin })
    expect(await client.closed).toMatchObject({ code: 4403 })
    const [mistake, line] = await logged("unanswered", 2)
    expect(mistake).toMatchObject({ level: "ERROR", message: "allowedOrigins failed", origin })
    expect(line).toMatchObject({ code: 4403, origin })
  })

  it("[REFUSE-5][AUTH-3] is a line, behind that of an end that cannot be read", async () => {
    const client = await connect("clockless", "clock")
    const { code, reason } = await client.closed
    expect(code).toBe(1011)
    expect(await logged("clockless", 2)).toMatchObject([
      { level: "ERROR", message: "expiresAt cannot be read" },
      { level: "WARN", code, reason }
    ])
  })

  it("[HAND-2][REFUSE-5] is a line: for a search param that is there twice", async () => {
    const client = await WireClient.open(`${urlOf("first")}&storeId=second`)
    const reason = "storeId is there more than once"
    expect(await client.closed).toEqual({ code: 4400, reason })
    expect(await logged("first")).toEqual([refused(4400, reason, { storeId: "first" })])
  })

  it("[REFUSE-5] is a line: by its search params", async () => {
    const client = await WireClient.open(urlOf("of tomorrow", "ann", 7))
    const { code, reason } = await client.closed
    expect(code).toBe(4426)
    expect(await logged("of tomorrow")).toEqual([refused(code, reason, { storeId: "of tomorrow" })])
    const other = await WireClient.open(
      `${url.replace("http", "ws")}websocket?storeId=s&protocol=x`
    )
    expect(await other.closed).toMatchObject({ code: 4400 })
    expect(await logged("s")).toEqual([
      refused(4400, (await other.closed).reason, { storeId: "s" })
    ])
  })
})

describe("a request that is refused", () => {
  const toSync = "This is a sync backend: connect to it with a WebSocket."

  it.each([
    { storeId: "no-upgrade", path: "/websocket", status: 426, reason: toSync, headers: {} },
    { storeId: "nowhere", path: "/nowhere", status: 404, reason: "Not found.", headers: {} },
    { storeId: "no-grant", path: "/object", status: 403, reason: "Forbidden", headers: {} },
    {
      storeId: "other-page",
      path: "/",
      status: 403,
      reason: "This origin may not connect.",
      headers: { origin: "https://evil.example" }
    }
  ])("[REFUSE-5] is a line: $storeId", async ({ headers, path, reason, status, storeId }) => {
    const response = await fetch(new URL(`${path}?storeId=${storeId}&payload=s3cret`, url), {
      headers
    })
    expect([response.status, await response.text()]).toEqual([status, `${reason}\n`])
    const [line, ...others] = await logged(storeId)
    expect(others).toEqual([])
    expect(line).toEqual({
      level: "WARN",
      message: "request refused",
      status,
      reason,
      method: "GET",
      path,
      storeId,
      ...headers
    })
    expect(lines.join("\n")).not.toContain("s3cret")
  })

  it("[REFUSE-5][AUTH-7] is a line with its connection: for its transport", async () => {
    const grant = Grant.encode({ connectionId: "01234567", storeId: "by-http" })
    const headers = { [Grant.HEADER]: grant }
    const response = await fetch(new URL("/object?storeId=by-http", url), { headers })
    expect(response.status).toBe(400)
    expect(await logged("by-http")).toMatchObject([
      { level: "WARN", message: "request refused", status: 400, connectionId: "01234567" }
    ])
  })
})

describe("a connection that the object refuses", () => {
  it("[REFUSE-5] is a line: too much to be kept", async () => {
    const client = await connect("large", "large")
    const { code, reason } = await client.closed
    expect(code).toBe(4413)
    expect(await logged("large")).toEqual([refused(4413, reason, { storeId: "large" })])
  })

  it("[REFUSE-5] is a line, behind that of the app's mistake", async () => {
    const client = await connect("stumbles", "ann", { "x-stumble": "1" })
    const { reason } = await client.closed
    const [mistake, ...others] = await logged("stumbles", 2)
    expect(mistake).toMatchObject({ level: "ERROR", message: "forwardHeaders failed" })
    expect(others).toEqual([refused(1011, reason, { storeId: "stumbles" })])
  })

  it("[REFUSE-5] is a line each, if several wait for a start that fails", async () => {
    const clients = await Promise.all([1, 2, 3].map(() => connect("never")))
    const reason = "the store cannot be opened just now"
    for (const client of clients) expect(await client.closed).toEqual({ code: 1013, reason })
    const all = await logged("never", 4)
    expect(all.filter(({ level }) => level === "ERROR")).toMatchObject([
      { message: "the store could not be opened" }
    ])
    const warnings = all.filter(({ level }) => level === "WARN")
    expect(warnings).toEqual([1, 2, 3].map(() => refused(1013, reason, { storeId: "never" })))
    expect(new Set(warnings.map(({ connectionId }) => connectionId)).size).toBe(3)
  })

  it("[REFUSE-5] is a line: while the log is being replaced", async () => {
    const storeId = "replaced"
    const before = await follow(storeId)
    const operation = new AdminOperation.Reset()
    const body = OperationText.encode({ storeId, operation })
    const resetting = fetch(new URL(`/operate?storeId=${storeId}`, url), { method: "POST", body })
    await new Promise((resolve) => setTimeout(resolve, 100))
    const clients = await Promise.all([connect(storeId), connect(storeId)])
    // One that was there before is told by the operation, and not once more for what it says.
    before.send({ _tag: "Ack", requestId: "1" })
    await (await resetting).text()
    const reason = "the log of the store is being replaced"
    for (const client of clients) expect(await client.closed).toEqual({ code: 1013, reason })
    expect((await before.closed).code).toBe(1012)
    const all = await logged(storeId, 3)
    expect(all).toHaveLength(3)
    expect(all).toContainEqual({
      ...refused(1012, "the log was replaced", { storeId }),
      message: "connection closed"
    })
    const others = all.filter(({ code }) => code === 1013)
    expect(others).toEqual([1, 2].map(() => refused(1013, reason, { storeId })))
  })
})

it("[REFUSE-5] a connection that is put off when it wakes a store is a line", async () => {
  const client = await follow("once")
  const rude = await rudeClient("once")
  await rude.provoke()
  await evict("once")
  client.send(client.pushFrame("2", events(1)))
  await new Promise((resolve) => setTimeout(resolve, 100))
  // While the store is about to be started.
  rude.send("more nonsense")
  const reason = "the store cannot be opened just now"
  expect(await client.closed).toEqual({ code: 1013, reason })
  const warnings = (await logged("once", 3)).filter(({ level }) => level === "WARN")
  expect(warnings).toMatchObject([
    { code: 1007 },
    { ...refused(1013, reason, { storeId: "once" }), message: "connection closed" }
  ])
  expect(linesOf(undefined)).toEqual([])
})

describe("a socket whose other end does not answer its close", () => {
  it("[LIMIT-5][REFUSE-5] takes nobody's place, and says nothing more", async () => {
    const storeId = "crowded"
    const readers = [await follow(storeId), await follow(storeId)]
    const rude = await rudeClient(storeId)
    const full = { code: 1013, reason: "the store has 3 connections, and takes no more just now" }
    expect(await (await connect(storeId)).closed).toEqual(full)
    await rude.provoke()
    const last = await follow(storeId)
    rude.send("more nonsense")
    last.send(last.pushFrame("2", events(1)))
    expect(await last.exit("2")).toEqual(accepted)
    for (const client of [...readers, last]) {
      await client.until(() => client.seqNums("1").length === 1)
    }
    expect(await (await connect(storeId)).closed).toEqual(full)
    const all = await logged(storeId, 3)
    expect(all.map(({ code }) => code)).toEqual([1013, 1007, 1013])
    expect(linesOf(undefined)).toEqual([])
  })
})

describe("frames that wait for a store to be opened", () => {
  it("[LIMIT-11] have an end, and so has a connection that sends more", async () => {
    const client = await follow("slow-to-open")
    await evict("slow-to-open")
    const frame = client.pushFrame("2", [{ ...events(1)[0], args: "x".repeat(1_700_000) }])
    for (let sent = 0; sent < 8; sent++) client.send(frame)
    expect(await client.closed).toEqual({
      code: 1013,
      reason: "the store has too much to do just now"
    })
  })
})

describe("a server whose Layer does not end well", () => {
  const reset = async (storeId: string) => {
    const operation = new AdminOperation.Reset()
    const body = OperationText.encode({ storeId, operation })
    const answer = await fetch(new URL(`/operate?storeId=${storeId}`, url), {
      method: "POST",
      body
    })
    return JSON.parse(await answer.text())
  }

  it.each(["hanging", "dying"])("[ADMIN-9] is replaced all the same: %s", async (storeId) => {
    const before = await follow(storeId)
    expect(await reset(storeId)).toMatchObject({ _tag: "Success" })
    expect(await before.closed).toMatchObject({ code: 1012 })
    const after = await follow(storeId)
    after.send(after.pushFrame("2", events(1)))
    expect(await after.exit("2")).toEqual(accepted)
    if (storeId === "dying") {
      await expect.poll(() => lines.join("\n")).toContain("a Layer could not be ended")
    }
  })
})
