/** The HTTP transport, in workerd: a worker that is asked by POST. */
import { isDeepStrictEqual } from "node:util"
import { HttpMessage } from "@tidelog/sync-protocol"
import * as Schema from "effect/Schema"
import { describe, expect, it } from "vitest"
import { REGISTRY_TABLE } from "../src/EventLogStatements.ts"
import { eventually } from "./support/eventually.ts"
import { accepted, ended, failed, refused, serverAhead } from "./support/frames.ts"
import { exitOf, HttpClient, pagesOf, seqNumsOf } from "./support/HttpClient.ts"
import { startServer } from "./support/server.ts"
import { events, WireClient } from "./support/WireClient.ts"

const { evict, lines, miniflare, url } = await startServer("./httpWorker.ts", {
  durableObjects: { WEBSOCKET_SERVER: "SyncBackendDO", WS_ONLY: "WsOnlyDO" }
})

const client = (storeId: string, payload: unknown = { as: "ann" }) =>
  new HttpClient(url, storeId, payload)

const ask = async (path: string, storeId: string, init?: RequestInit) =>
  (await fetch(new URL(`${path}storeId=${encodeURIComponent(storeId)}`, url), init)).text()

const countsOf = async (storeId: string) => JSON.parse(await ask("/counts?", storeId))

const breakLog = (storeId: string, how: string) => ask(`/break?how=${how}&`, storeId)

const backendIdOf = async (http: HttpClient) =>
  String(pagesOf(await http.send(http.pullFrame()))[0]?.["backendId"])

const operate = (storeId: string, operation: object) =>
  ask("/admin?", storeId, { method: "POST", body: JSON.stringify({ storeId, operation }) })

const linesOf = (storeId: string) =>
  lines.filter((line) => line.startsWith("{") && line.includes(`"storeId":"${storeId}"`))

const range = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index)

describe("a request", () => {
  it("[HTTP-1] is answered with all its frames as a JSON array", async () => {
    const http = client("basic")
    const pushed = await http.send(http.pushFrame(events(1, 3)))
    expect(pushed).toMatchObject({ status: 200 })
    expect(pushed.text).toBe(
      `[{"_tag":"Exit","requestId":"2","exit":{"_tag":"Success","value":{}}}]`
    )
    const pulled = await http.send(http.pullFrame())
    expect(pulled.headers.get("content-type")).toBe("application/json")
    const [page, exit] = Schema.decodeUnknownSync(HttpMessage.AnswerFromText)(pulled.text)
    expect(page).toMatchObject({ _tag: "Chunk", requestId: "1" })
    expect(exit).toEqual({ _tag: "Exit", requestId: "1", exit: ended })
    expect(seqNumsOf(pulled)).toEqual([1, 2, 3])
    expect(pagesOf(pulled)).toMatchObject([{ pageInfo: { _tag: "NoMore" } }])
  })

  it("[HTTP-1][PULL-2] is sent an empty page if there is nothing after its cursor", async () => {
    const http = client("empty")
    const answer = await http.send(http.pullFrame())
    expect(pagesOf(answer)).toMatchObject([{ batch: [], pageInfo: { _tag: "NoMore" } }])
    expect(exitOf(answer)).toEqual(ended)
  })

  it.each([
    ["no JSON", "nonsense"],
    ["an array", "[]"],
    ["no frame", `{"_tag":"Nothing"}`],
    ["a frame that is no request", `{"_tag":"Ack","requestId":"1"}`],
    ["a request with an id that is none", `{"_tag":"Request","id":"x","tag":"t","payload":{}}`],
    ["nothing", ""]
  ])("[HTTP-1] that is %s is refused", async (_, body) => {
    const answer = await client("refused").send(body)
    expect([answer.status, answer.text]).toEqual([400, "not a request of this protocol\n"])
    expect(await countsOf("refused")).toMatchObject({ starts: 0 })
  })

  it("[HTTP-1][FRAME-6] of no kind, or of another transport's, fails by its own id", async () => {
    const http = client("unknown")
    for (const tag of ["SyncHttpRpc.Nope", "SyncWsRpc.Pull", "SyncDoRpc.Push"]) {
      const answer = await http.send({ ...http.pullFrame(), tag })
      expect(answer.frames).toMatchObject([
        { _tag: "Exit", requestId: "1", exit: refused("UnknownRequest") }
      ])
    }
    const answer = await http.send({ ...http.pullFrame(), payload: 7 })
    expect(exitOf(answer)).toMatchObject(refused("InvalidRequest"))
  })

  it("[HTTP-1] is a POST", async () => {
    const http = client("method")
    const response = await fetch(http.url)
    expect([response.status, response.headers.get("allow")]).toEqual([405, "POST"])
  })

  it("[HAND-7] that is an upgrade, or none, does not go with the other transport", async () => {
    const http = client("other")
    const upgrade = await WireClient.open(String(http.url).replace("http:", "ws:"))
    expect(await upgrade.closed).toEqual({
      code: 4400,
      reason: "the transport of this request is ws"
    })
    http.url.searchParams.set("transport", "ws")
    expect((await http.send(http.pullFrame())).status).toBe(426)
  })

  it("[HTTP-7] that only asks whether somebody is there opens no store", async () => {
    const http = client("pinged")
    const answer = await http.send({
      _tag: "Request",
      id: "9",
      tag: "SyncHttpRpc.Ping",
      payload: { storeId: "pinged" },
      headers: []
    })
    expect(answer.frames).toEqual([
      {
        _tag: "Exit",
        requestId: "9",
        exit: { _tag: "Success", value: { _tag: "SyncMessage.Pong" } }
      }
    ])
    expect(await countsOf("pinged")).toEqual({ instances: 1, starts: 0 })
  })
})

describe("a request that is not let in", () => {
  const long = `x${"y".repeat(256)}`
  it.each([
    ["nobody", { as: "nobody" }, 401, "please sign in"],
    ["a stranger", { as: "stranger" }, 403, "not your list"],
    ["one for later", { as: "later" }, 503, "ask again"],
    ["one that the app errs on", { as: "mistake" }, 500, "the server made a mistake"],
    ["one that has ended", { as: "ann", expiresAt: 1 }, 401, "the credentials have expired"],
    ["a large payload", "z".repeat(10_001), 413, "the payload may have 10000 bytes as JSON"]
  ])("[HTTP-2] %s has its status and a reason", async (as, payload, status, reason) => {
    const storeId = `kept out: ${as}`
    const http = client(storeId, payload)
    const answer = await http.send(http.pullFrame())
    expect([answer.status, answer.text]).toEqual([status, `${reason}\n`])
    expect(answer.headers.get("retry-after")).toBe(status === 503 ? "5" : null)
    expect(await countsOf(storeId)).toEqual({ instances: 0, starts: 0 })
  })

  it.each([
    ["storeId", long, 400, "storeId is longer than 256 characters"],
    ["protocol", "2", 400, "this server speaks protocol 1, not 2"],
    ["payload", "%", 400, "payload is not URI-encoded JSON"]
  ])("[HTTP-2] for its %s has its status and a reason", async (name, value, status, reason) => {
    const http = new HttpClient(url, "params", undefined, "/websocket")
    http.url.searchParams.set(name, value)
    const answer = await http.send(http.pullFrame())
    expect(answer.status).toBe(status)
    expect(answer.text).toContain(reason)
    expect(await countsOf("params")).toEqual({ instances: 0, starts: 0 })
  })

  it("[HTTP-2] with too large a body is refused, whether it tells its length or not", async () => {
    const http = client("large")
    const body = JSON.stringify(http.pushFrame(events(1))).padEnd(400_001)
    const streamed = new Blob([body]).stream()
    // A connection whose request was not read to its end is not fit for another.
    const headers = { connection: "close" }
    const answers = [
      await http.send(body, { headers }),
      await http.send("", { body: streamed, headers })
    ]
    for (const answer of answers) {
      expect([answer.status, answer.text]).toEqual([413, "a request may have 400000 bytes\n"])
    }
    expect(await countsOf("large")).toEqual({ instances: 0, starts: 0 })
    const fitting = await http.send(body.slice(0, 400_000))
    expect(exitOf(fitting)).toEqual(accepted)
  })

  it("[HAND-6] is refused if it claims another store or payload", async () => {
    const http = client("claims")
    for (const claims of [{ storeId: "another" }, { payload: { as: "bob" } }]) {
      for (const frame of [http.pullFrame(), http.pushFrame(events(1))]) {
        const payload = { ...frame.payload, ...claims }
        expect(exitOf(await http.send({ ...frame, payload }))).toMatchObject(
          refused("StoreMismatch")
        )
      }
    }
    const own = { ...http.pullFrame().payload, payload: { as: "ann" } }
    expect(exitOf(await http.send({ ...http.pullFrame(), payload: own }))).toEqual(ended)
  })

  it("[HTTP-9][AUTH-7] because the object does not take HTTP is told so, with its headers", async () => {
    const http = new HttpClient(url, "ws only", { as: "ann" }, "/ws-only")
    const answer = await http.send(http.pullFrame())
    expect([answer.status, answer.text]).toEqual([
      400,
      "this backend does not take the transport http\n"
    ])
    expect(answer.headers.get("x-app")).toBe("tidelog")
  })

  it("[REFUSE-5] is one line, without what is in its query or its body", async () => {
    const http = client("logged", { as: "nobody", token: "s3cret-token" })
    await http.send(http.pushFrame(events(1)))
    await eventually(() => expect(linesOf("logged")).toHaveLength(1))
    expect(JSON.parse(linesOf("logged")[0] ?? "")).toMatchObject({
      message: "request refused",
      annotations: { status: 401, reason: "please sign in", method: "POST", path: "/sync" }
    })
    expect(lines.join("\n")).not.toContain("s3cret")
  })
})

describe("a page of another origin", () => {
  it("[AUTH-5] asks first, and may read every answer", async () => {
    const http = client("cors")
    const origin = "https://app.example"
    const preflight = await fetch(http.url, {
      method: "OPTIONS",
      headers: {
        origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type,x-livestore-store-id"
      }
    })
    expect(preflight.status).toBe(204)
    expect(preflight.headers.get("access-control-allow-methods")).toContain("POST")
    expect(preflight.headers.get("access-control-allow-headers")).toBe(
      "content-type,x-livestore-store-id"
    )
    await breakLog("cors-down", "start")
    const down = client("cors-down")
    const nobody = client("cors", { as: "nobody" })
    for (const [asked, status] of [
      [http, 200],
      [nobody, 401],
      [down, 503]
    ] as const) {
      const answer = await asked.send(asked.pullFrame(), { headers: { origin } })
      expect(answer.status).toBe(status)
      expect(answer.headers.get("access-control-allow-origin")).toBe(origin)
    }
  })

  it("[AUTH-4] that may not connect is refused, and wakes nothing", async () => {
    const http = client("evil")
    const answer = await http.send(http.pullFrame(), {
      headers: { origin: "https://evil.example" }
    })
    expect(answer.status).toBe(403)
    expect(answer.headers.get("access-control-allow-origin")).toBeNull()
    expect(await countsOf("evil")).toEqual({ instances: 0, starts: 0 })
  })
})

describe("the log behind", () => {
  it("[HTTP-4] is that of the sockets, both ways", async () => {
    const http = client("shared")
    const socket = await WireClient.connect(url, "shared", { as: "bob" })
    socket.send(socket.pullFrame("1"))
    await socket.chunk("1")
    expect(exitOf(await http.send(http.pushFrame(events(1, 2))))).toEqual(accepted)
    await socket.chunk("1", 2)
    expect(socket.seqNums("1")).toEqual([1, 2])
    socket.send(socket.pushFrame("2", events(3)))
    await socket.exit("2")
    const backendId = socket.backendId() ?? ""
    expect(seqNumsOf(await http.send(http.pullFrame({ after: 1, backendId })))).toEqual([2, 3])
    socket.close()
  })

  it("[HTTP-4] takes a repeated push once, and tells who is behind", async () => {
    const http = client("again")
    for (const id of ["1", "2"]) {
      const frame = http.pushFrame(events(1, 3), undefined, id)
      expect(exitOf(await http.send(frame))).toEqual(accepted)
    }
    const behind = await http.send(http.pushFrame(events(2, 2, "client-b")))
    expect(exitOf(behind)).toEqual(serverAhead(3, 1))
    expect(seqNumsOf(await http.send(http.pullFrame()))).toEqual([1, 2, 3])
  })

  it("[HTTP-4][PULL-7][PULL-12] is told apart from another, and from one that was restored", async () => {
    const http = client("cursors")
    await http.send(http.pushFrame(events(1, 2)))
    const backendId = await backendIdOf(http)
    const mismatch = (received: string) =>
      failed({ _tag: "BackendIdMismatchError", expected: backendId, received })
    for (const [cursor, received] of [
      [{ after: 1, backendId: "other" }, "other"],
      [{ after: 3, backendId }, backendId],
      [{ after: 1, backendId, createdAt: "2020-01-01T00:00:00.000Z" }, backendId]
    ] as const) {
      expect(exitOf(await http.send(http.pullFrame(cursor)))).toEqual(mismatch(received))
    }
    expect(exitOf(await http.send(http.pushFrame(events(3), "other")))).toEqual(mismatch("other"))
  })

  it("[HTTP-4] asks the app's hooks, and tells them", async () => {
    const http = client("hooked")
    await http.send(http.pushFrame(events(1, 2)), { headers: { "x-role": "admin" } })
    const forbidden = events(3).map((event) => ({ ...event, name: "forbidden" }))
    expect(exitOf(await http.send(http.pushFrame(forbidden)))).toEqual(
      refused("PushRejected", "rejected by onPush")
    )
    await http.send(http.pullFrame())
    const session = {
      connectionId: expect.stringMatching(/^[0-9a-f]{8}$/),
      storeId: "hooked",
      payload: { as: "ann" },
      identity: { user: `"ann"` }
    }
    await eventually(async () =>
      expect(JSON.parse(await ask("/heard?", "hooked"))).toEqual([
        { pushed: 2, session: { ...session, headers: { "x-role": "admin" } } },
        { answer: {} },
        { pushed: 1, session: { ...session, headers: {} } },
        { answer: expect.objectContaining({ name: "PushRejected" }) },
        { page: 2 }
      ])
    )
    const secret = client("secret")
    expect(exitOf(await secret.send(secret.pullFrame()))).toEqual(
      refused("PullRejected", "rejected by onPull")
    )
  })

  it("[HTTP-4] has its limits", async () => {
    const http = client("limits")
    expect(exitOf(await http.send(http.pushFrame(events(1, 101))))).toMatchObject(
      refused("BatchTooLarge")
    )
    const gap = [...events(1), ...events(3)]
    expect(exitOf(await http.send(http.pushFrame(gap)))).toMatchObject(refused("InvalidBatch"))
  })

  it("[HTTP-3] is delivered as a whole, 10,000 events, whoever leaves meanwhile", async () => {
    const http = client("long")
    const text = "x".repeat(500)
    for (let from = 1; from <= 10_000; from += 100) {
      const batch = events(from, from + 99).map((event) => ({ ...event, args: { text } }))
      expect(exitOf(await http.send(http.pushFrame(batch)))).toEqual(accepted)
    }
    await evict("long")
    const left = new AbortController()
    const leaving = await fetch(http.url, {
      method: "POST",
      body: JSON.stringify(http.pullFrame()),
      signal: left.signal
    })
    await leaving.body?.getReader().read()
    left.abort()
    const answer = await http.send(http.pullFrame())
    expect(seqNumsOf(answer)).toEqual(range(1, 10_000))
    expect(exitOf(answer)).toEqual(ended)
    expect(pagesOf(answer).map(({ pageInfo }) => pageInfo)).toEqual([
      ...pagesOf(answer)
        .slice(0, -1)
        .map(() => ({ _tag: "MoreKnown", remaining: expect.any(Number) })),
      { _tag: "NoMore" }
    ])
  }, 60_000)
})

describe("trouble", () => {
  it("[HTTP-5] in the middle of a pull ends it after the pages that it has", async () => {
    const http = client("breaks")
    for (let from = 1; from <= 2_000; from += 100) {
      await http.send(http.pushFrame(events(from, from + 99)))
    }
    // What was pushed is in memory until then.
    await evict("breaks")
    await breakLog("breaks", "readOn")
    const answer = await http.send(http.pullFrame())
    await breakLog("breaks", "")
    const seqNums = seqNumsOf(answer)
    expect(seqNums.length).toBeGreaterThan(0)
    expect(seqNums.length).toBeLessThan(2_000)
    expect(pagesOf(answer).at(-1)).toMatchObject({
      pageInfo: { _tag: "MoreKnown", remaining: 2_000 - seqNums.length }
    })
    expect(exitOf(answer)).toEqual(ended)
    const after = seqNums.length
    const backendId = String(pagesOf(answer)[0]?.["backendId"])
    const rest = seqNumsOf(await http.send(http.pullFrame({ after, backendId })))
    expect([...seqNums, ...rest]).toEqual(range(1, 2_000))
  })

  it("[HTTP-5] of the log: a pull is told that there may be more, a push to come again", async () => {
    const http = client("down")
    await http.send(http.pushFrame(events(1, 2)))
    const backendId = await backendIdOf(http)
    await breakLog("down", "read")
    // Whoever asks within a moment of another answer shares that.
    await eventually(async () => {
      for (const cursor of [undefined, { after: 1, backendId }]) {
        const answer = await http.send(http.pullFrame(cursor))
        expect(answer.status).toBe(200)
        expect(pagesOf(answer)).toEqual([
          { batch: [], pageInfo: { _tag: "MoreUnknown" }, backendId }
        ])
        expect(exitOf(answer)).toEqual(ended)
      }
    })
    await breakLog("down", "append")
    const push = await http.send(http.pushFrame(events(3)))
    expect(exitOf(push)).toMatchObject(refused("StorageUnavailable"))
    expect(push.text).not.toContain("secret")
    await breakLog("down", "")
    expect(exitOf(await http.send(http.pushFrame(events(3))))).toEqual(accepted)
  })

  it("[HTTP-5] at the start: with a cursor as well, without one 503", async () => {
    const http = client("closed")
    await http.send(http.pushFrame(events(1)))
    const backendId = await backendIdOf(http)
    await evict("closed")
    await breakLog("closed", "start")
    const pull = await http.send(http.pullFrame({ after: 1, backendId }))
    expect(pagesOf(pull)).toEqual([{ batch: [], pageInfo: { _tag: "MoreUnknown" }, backendId }])
    expect(exitOf(pull)).toEqual(ended)
    for (const frame of [
      http.pullFrame(),
      // What is no backendId is not written back.
      http.pullFrame({ after: 1, backendId: `"},{"` }),
      http.pushFrame(events(2))
    ]) {
      const answer = await http.send(frame)
      expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "5"])
      expect(exitOf(answer)).toMatchObject(
        refused("StorageUnavailable", "the store cannot be opened just now")
      )
    }
    await breakLog("closed", "")
    expect(seqNumsOf(await http.send(http.pullFrame()))).toEqual([1])
  })

  it("[HTTP-5] of too many connections puts off", async () => {
    const socket = await WireClient.connect(url, "full", { as: "bob" })
    socket.send(socket.pullFrame("1"))
    await socket.chunk("1")
    const http = client("full")
    const pull = await http.send(http.pullFrame())
    expect(pagesOf(pull)).toMatchObject([{ batch: [], pageInfo: { _tag: "MoreUnknown" } }])
    expect((await http.send(http.pushFrame(events(1)))).status).toBe(503)
    socket.close()
    await eventually(async () =>
      expect(exitOf(await http.send(http.pushFrame(events(1))))).toEqual(accepted)
    )
  })

  it("[RESTORE-4] a log that was reset is the next request's, and its cursor is told so", async () => {
    const http = client("reset")
    await http.send(http.pushFrame(events(1, 2)))
    const before = await backendIdOf(http)
    await operate("reset", { _tag: "Reset" })
    const answer = await http.send(http.pullFrame({ after: 2, backendId: before }))
    expect(exitOf(answer)).toMatchObject(
      failed({ _tag: "BackendIdMismatchError", received: before })
    )
    expect(await backendIdOf(http)).not.toBe(before)
  })

  it("[RESTORE-4] a log that has become another one unseen is asked once more, and nobody is put off", async () => {
    const http = client("replaced")
    await http.send(http.pushFrame(events(1, 3)))
    const db = await miniflare.getD1Database("DB")
    const change = `UPDATE "${REGISTRY_TABLE}" SET backendId = 'another' WHERE storeId = 'replaced'`
    expect((await db.prepare(change).run()).meta.changes).toBe(1)
    // The server asks the log what it is, but not more often than it has to.
    await eventually(async () => {
      const answer = await http.send(http.pullFrame())
      expect.soft(seqNumsOf(answer)).toEqual([1, 2, 3])
      expect(pagesOf(answer).map(({ backendId }) => backendId)).toEqual(["another"])
    })
  })

  it("[ADMIN-10] a store that is deleted meanwhile is gone", async () => {
    const http = client("deleted")
    await http.send(http.pushFrame(events(1)))
    await breakLog("deleted", "holdRead")
    const readsOf = async () => Number(await ask("/reads?", "deleted"))
    const reads = await readsOf()
    // Whoever asks within a moment of another answer shares that, and whoever comes late finds it being deleted.
    const pulling: Array<ReturnType<typeof http.send>> = []
    await eventually(async () => {
      pulling.push(http.send(http.pullFrame()))
      expect(await readsOf()).toBeGreaterThan(reads)
    })
    await operate("deleted", { _tag: "Delete" })
    await breakLog("deleted", "")
    expect((await Promise.all(pulling)).map(({ status }) => status)).toContain(410)
  })

  it("[LIMIT-11] what waits for a store to be opened has an end, and room again when it is", async () => {
    const http = client("slow")
    const frame = http.pushFrame([{ ...events(1)[0], args: "x".repeat(350_000) }])
    const room = 22
    for (const [outcome, isOpened] of [
      ["start", false],
      ["", true]
    ] as const) {
      await breakLog("slow", "holdStart")
      const pushing = Array.from({ length: 25 }, () => http.send(frame))
      expect((await Promise.race(pushing)).status).toBe(503)
      await breakLog("slow", outcome)
      const exits = (await Promise.all(pushing)).map(exitOf)
      const full = refused("StorageUnavailable", "the store has too much to do just now")
      const admitted = isOpened
        ? accepted
        : refused("StorageUnavailable", "the store cannot be opened just now")
      for (const [exit, times] of [
        [full, pushing.length - room],
        [admitted, room]
      ] as const) {
        expect(exits.filter((other) => isDeepStrictEqual(other, exit))).toHaveLength(times)
      }
    }
  })

  it("[HOOK-1] of the app's forwardHeaders is a 500", async () => {
    const http = client("stumbles")
    const answer = await http.send(http.pullFrame(), { headers: { "x-stumble": "1" } })
    expect([answer.status, answer.text]).toEqual([500, "the server made a mistake\n"])
  })
})

describe("rates", () => {
  it("[HTTP-6] hold back who pushes too much, and nobody else", async () => {
    const [ann, bob] = [client("rated events"), client("rated events", { as: "bob" })]
    // One that is too large is refused as that, and costs nothing.
    const large = await ann.send(ann.pushFrame(events(1, 101)))
    expect(exitOf(large)).toMatchObject(refused("BatchTooLarge"))
    expect(exitOf(await ann.send(ann.pushFrame(events(1, 5))))).toEqual(accepted)
    const refusal = await ann.send(ann.pushFrame(events(6, 9)))
    expect([refusal.status, refusal.headers.get("retry-after")]).toEqual([429, "5"])
    expect(exitOf(refusal)).toMatchObject(refused("RateLimited"))
    expect(exitOf(await bob.send(bob.pushFrame(events(6, 9))))).toEqual(accepted)
  })

  it("[HTTP-6] put off who pulls too often, and tell apart by address who is nobody", async () => {
    const http = new HttpClient(url, "rated pulls")
    const backendId = await backendIdOf(http)
    const from = (address: string, id = 1) =>
      http.send(http.pullFrame(undefined, `${id}`), { headers: { "cf-connecting-ip": address } })
    for (const id of range(1, 4)) {
      expect(pagesOf(await from("192.0.2.1", id))).toMatchObject([{ pageInfo: { _tag: "NoMore" } }])
    }
    expect(pagesOf(await from("192.0.2.1"))).toEqual([
      { batch: [], pageInfo: { _tag: "MoreUnknown" }, backendId }
    ])
    expect(pagesOf(await from("192.0.2.2"))).toMatchObject([{ pageInfo: { _tag: "NoMore" } }])
  })
})

it("[HTTP-9] the app's headers are on each answer of the object", async () => {
  const http = client("headers")
  for (const body of [http.pullFrame(), http.pushFrame(events(1)), "nonsense"]) {
    const { headers } = await http.send(body)
    expect([headers.get("x-app"), headers.get("cache-control")]).toEqual(["tidelog", "no-store"])
  }
})
