/** Looking after stores, in workerd with D1: by the typed client, and by hand. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import type { Message } from "@tidelog/sync-protocol"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "vitest"
import { AdminClient } from "../src/admin/index.ts"
import { tableName } from "../src/StoreTable.ts"
import { eventually } from "./support/eventually.ts"
import { accepted } from "./support/frames.ts"
import { startServer } from "./support/server.ts"
import { events, WireClient } from "./support/WireClient.ts"

const SECRET = "correct horse battery staple"

const server = await startServer("./adminWorker.ts", {
  bindings: { ADMIN_SECRET: SECRET },
  durableObjects: { WEBSOCKET_SERVER: "SyncBackendDO", SQLITE: "SqliteDO", LIMITED: "LimitedDO" }
})

const database = await server.miniflare.getD1Database("DB")

interface Init extends RequestInit {
  readonly headers?: Record<string, string>
}

const call = (path: string, init: Init = {}, authorization = `Bearer ${SECRET}`) =>
  fetch(new URL(path, server.url), { ...init, headers: { ...init.headers, authorization } })

const answerOf = async (response: Response) => [response.status, await response.json()] as const

type Client = Effect.Effect.Success<ReturnType<typeof AdminClient.make>>

/** Runs a script against one of the workers. */
const script = <A, E>(
  f: (client: Client) => Effect.Effect<A, E>,
  worker = "d1",
  secret = SECRET
): Promise<A> =>
  AdminClient.make({ url: `${server.url}${worker}`, secret }).pipe(
    Effect.flatMap(f),
    Effect.provide(FetchHttpClient.layer),
    Effect.runPromise
  )

/** What a script that has to fail fails with. */
const failure = <A, E>(f: (client: Client) => Effect.Effect<A, E>, worker?: string) =>
  script((client) => Effect.flip(f(client)), worker)

const path = (storeId: string) => ({ path: { storeId } })

const info = (storeId: string, worker?: string) =>
  script(({ stores }) => stores.info(path(storeId)), worker)

const exported = (storeId: string, after = 0, worker?: string) =>
  script(
    ({ exportEvents }) =>
      Effect.map(
        Stream.runCollect(exportEvents(storeId, { after })),
        Array.from<Message.PulledEvent>
      ),
    worker
  )

const connect = (storeId: string, payload: unknown = { user: "ann" }, worker = "d1") =>
  WireClient.connect(`${server.url}${worker}`, storeId, payload)

/** A client with a live pull that has caught up. */
const pulling = async (storeId: string, payload?: unknown, worker?: string) => {
  const client = await connect(storeId, payload, worker)
  client.send(client.pullFrame("1"))
  await client.chunk("1")
  return client
}

const push = async (storeId: string, batch: ReadonlyArray<unknown>, worker?: string) => {
  const client = await connect(storeId, undefined, worker)
  client.send(client.pushFrame("1", batch))
  expect(await client.exit("1")).toEqual(accepted)
  client.close()
}

const tables = async () => {
  const { results } = await database.prepare("SELECT name FROM sqlite_schema").all()
  return results.map(({ name }) => name)
}

const started = async () => (await fetch(new URL("started", server.url))).json()

const line = (event: unknown, createdAt?: string) =>
  JSON.stringify({
    eventEncoded: event,
    metadata:
      createdAt === undefined
        ? { _tag: "None" }
        : { _tag: "Some", value: { _tag: "SyncMessage.SyncMetadata", createdAt } }
  })

const importText = (
  storeId: string,
  body: string | Blob | ArrayBuffer | null,
  after = 0,
  worker = "d1"
) =>
  call(`${worker}/admin/stores/${storeId}/events?after=${after}`, {
    method: "POST",
    headers: { "content-type": "application/x-ndjson" },
    body
  })

/** Store ids that a URL, a table or a statement could stumble over. */
const STRANGE = [
  "a/b",
  "..",
  ".",
  "~..",
  "~",
  "%2F",
  "100%",
  "a?b#c&d=e+f",
  "événement 🌊",
  "'; DROP TABLE tidelog_stores; --",
  "A/../B",
  "websocket",
  "🌊".repeat(128)
]

describe("who may look after stores", () => {
  const routes = [
    ["GET", "/admin/stores"],
    ["GET", "/admin/openapi.json"],
    ["GET", "/admin/stores/kept"],
    ["GET", "/admin/stores/kept/events"],
    ["POST", "/admin/stores/kept/events"],
    ["POST", "/admin/stores/kept/reset"],
    ["POST", "/admin/stores/kept/backend-id"],
    ["POST", "/admin/stores/kept/revoke"],
    ["DELETE", "/admin/stores/kept"]
  ] as const

  it("[ADMIN-1] is who has the secret: every route refuses everybody else", async () => {
    await push("kept", events(1, 2))
    const before = await info("kept")
    for (const [method, route] of routes) {
      for (const authorization of ["", "Bearer", "Bearer ", `Bearer ${SECRET}x`, "Bearer wrong"]) {
        const response = await call(`d1${route}`, { method }, authorization)
        expect(await answerOf(response)).toEqual([
          401,
          { _tag: "Unauthorized", message: "the admin secret is missing or wrong" }
        ])
      }
    }
    expect(await info("kept")).toEqual(before)
    await expect(
      script(({ stores }) => Effect.flip(stores.info(path("kept"))), "d1", "wrong")
    ).resolves.toMatchObject({ _tag: "Unauthorized" })
  })

  it("[ADMIN-1] a request that no route is for is refused alike, and is no mistake", async () => {
    for (const [method, route] of [
      ["PUT", "/admin/stores/kept"],
      ["POST", "/admin/stores"],
      ["GET", "/admin/stores/kept/elsewhere"],
      ["PROPFIND", "/admin/openapi.json"]
    ] as const) {
      expect(await answerOf(await call(`d1${route}`, { method }, "Bearer wrong"))).toEqual([
        401,
        { _tag: "Unauthorized", message: "the admin secret is missing or wrong" }
      ])
      expect((await call(`d1${route}`, { method })).status).toBe(404)
    }
    expect((await call("d1/health", { method: "PUT" }, "")).status).toBe(404)
    // What is logged in the end is logged after all that.
    await call("d1/admin/stores/last-of-these", {}, "")
    await expect.poll(() => server.lines.join("\n")).toContain("last-of-these")
    expect(server.lines.filter((text) => text.includes("the request failed"))).toEqual([])
  })

  it("[REFUSE-5] each other refusal is a line as well, and quotes nothing", async () => {
    await push("refusing", events(1, 2))
    const ndjson = { "content-type": "application/x-ndjson" }
    for (const [status, refusal, method, route, body] of [
      [404, "StoreNotFound", "GET", "d1/admin/stores/refused-404", undefined],
      [404, undefined, "GET", "d1/admin/stores/refused-route/nothing", undefined],
      [
        400,
        "HttpApiDecodeError",
        "GET",
        "d1/admin/stores/refused-400/events?after=hush",
        undefined
      ],
      [422, "InvalidLine", "POST", "d1/admin/stores/refused-422/events", "hush"],
      [409, "NotAtHead", "POST", "d1/admin/stores/refused-409/events?after=5", ""]
    ] as const) {
      const response = await call(route, {
        method,
        ...(body === undefined ? {} : { body, headers: ndjson })
      })
      expect(response.status).toBe(status)
      const storeId = /stores\/([^/?]+)/.exec(route)?.[1] ?? ""
      const found = () => server.lines.filter((text) => text.includes(`"storeId":"${storeId}"`))
      await expect.poll(found).toHaveLength(1)
      const { annotations, logLevel } = JSON.parse(found()[0] ?? "")
      expect([logLevel, annotations.status, annotations.refusal]).toEqual(["WARN", status, refusal])
      expect(annotations.reason).toMatch(/[a-z]{3}/)
      expect(found().join("")).not.toContain("hush")
    }
  })

  it("[ADMIN-11] an identity that is nested too deeply to be compared is refused", async () => {
    const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`
    const headers = { "content-type": "application/json" }
    const route = "d1/admin/stores/deep/revoke"
    for (const body of [`{"identity":${deep}}`, deep]) {
      expect((await call(route, { method: "POST", body, headers })).status).toBe(400)
    }
  })

  it("[ADMIN-1] each refusal is a line of the log, with the store and without a secret", async () => {
    for (const [index, [method, route]] of [
      ["GET", "d1/admin/stores/a%2Fb-0"],
      ["PUT", "d1/admin/stores/a%2Fb-1"],
      ["POST", "d1/admin/stores/a%2Fb-2/revoke?secret=hush"]
    ].entries()) {
      await call(route ?? "", { method: method ?? "" }, "Bearer hush")
      const storeId = `a/b-${index}`
      const found = () => server.lines.filter((text) => text.includes(`"${storeId}"`))
      await expect.poll(found).toHaveLength(1)
      expect(JSON.parse(found()[0] ?? "")).toMatchObject({
        message: "request refused",
        logLevel: "WARN",
        annotations: {
          status: 401,
          refusal: "Unauthorized",
          reason: "the admin secret is missing or wrong",
          method,
          storeId
        }
      })
    }
    await call("d1/admin/stores/%E0%A4%A", {}, "Bearer hush")
    await call("d1/admin/stores", {}, "Bearer hush")
    await call("d1/admin/stores/a%2Fb-3", {}, "Bearer hush")
    await expect.poll(() => server.lines.join("\n")).toContain("a/b-3")
    for (const secret of ["hush", SECRET]) expect(server.lines.join("\n")).not.toContain(secret)
  })

  it("[ADMIN-1] is nobody without a secret: every route is not found", async () => {
    for (const [method, route] of routes) {
      for (const authorization of ["Bearer ", `Bearer ${SECRET}`]) {
        expect((await call(`open${route}`, { method }, authorization)).status).toBe(404)
      }
    }
    expect((await call("open/admin/stores/websocket")).status).toBe(404)
    expect((await call("d1/admin/else")).status).toBe(404)
    expect((await call("d1/ADMIN/stores")).status).toBe(404)
  })

  it("[ADMIN-1] the routes stand beside those of an app, guarded as all are", async () => {
    expect(await (await call("mine/elsewhere")).text()).toBe("mine")
    expect((await call("mine/admin/stores")).status).toBe(200)
    expect((await call("mine/health")).status).toBe(200)
    const foreign = await call("mine/admin/stores", { headers: { origin: "https://evil.example" } })
    expect(foreign.status).toBe(403)
    const listed = await call("d1/admin/stores", { headers: { origin: "https://app.example" } })
    expect(listed.headers.get("access-control-allow-origin")).toBe("*")
  })
})

describe("the description", () => {
  it("[ADMIN-2] names every route, with all that it refers to", async () => {
    const document = await script(({ stores }) => stores.openApi())
    const { components, openapi, paths } = document as {
      openapi: string
      paths: Record<string, Record<string, Operation>>
      components: { schemas: object; securitySchemes: object }
    }
    type Operation = {
      operationId: string
      parameters: ReadonlyArray<{ name: string; in: string; required: boolean; schema: object }>
      responses: Record<string, { content?: object }>
      security: ReadonlyArray<object>
    }
    expect(openapi).toMatch(/^3\.1\./)
    const operations = Object.entries(paths).flatMap(([route, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ route, method, operation }))
    )
    expect(operations.map(({ method, route }) => `${method} ${route}`).toSorted()).toEqual([
      "delete /admin/stores/{storeId}",
      "get /admin/openapi.json",
      "get /admin/stores",
      "get /admin/stores/{storeId}",
      "get /admin/stores/{storeId}/events",
      "get /health",
      "post /admin/stores/{storeId}/backend-id",
      "post /admin/stores/{storeId}/events",
      "post /admin/stores/{storeId}/reset",
      "post /admin/stores/{storeId}/revoke"
    ])
    expect(new Set(operations.map(({ operation }) => operation.operationId)).size).toBe(10)
    for (const { operation, route } of operations) {
      const inPath = operation.parameters.filter((parameter) => parameter.in === "path")
      expect(inPath.map(({ name }) => `{${name}}`)).toEqual(route.match(/\{\w+\}/g) ?? [])
      expect(inPath.every(({ required }) => required)).toBe(true)
      expect(operation.security).toEqual(route === "/health" ? [] : [{ bearer: [] }])
      expect(Object.keys(operation.responses)).toContain(route === "/health" ? "503" : "401")
    }
    expect(components.securitySchemes).toHaveProperty("bearer")
    const references = JSON.stringify(document).matchAll(
      /"\$ref":"#\/components\/schemas\/([^"]+)"/g
    )
    for (const [, name = ""] of references) expect(components.schemas).toHaveProperty([name])
    for (const name of Object.keys(components.schemas)) expect(name).toMatch(/^[\w.-]+$/)
    const ndjson = { content: { "application/x-ndjson": expect.anything() } }
    expect(paths["/admin/stores/{storeId}/events"]).toMatchObject({
      get: { responses: { 200: ndjson } },
      post: { requestBody: ndjson, responses: { 409: {}, 422: {}, 503: {} } }
    })
  })
})

describe("a store at a glance", () => {
  it("[ADMIN-3] counts events, connections and pulls", async () => {
    await push("glance", events(1, 3))
    const one = await pulling("glance")
    one.send(one.pullFrame("2"))
    await one.chunk("2")
    const two = await connect("glance")
    two.send(two.pullFrame("1", { live: false }))
    await two.exit("1")
    const { bytes, ...rest } = await info("glance")
    expect(rest).toEqual({
      backendId: one.backendId(),
      head: 3,
      events: 3,
      sockets: 2,
      subscriptions: 2
    })
    expect(bytes).toBeGreaterThan(100)
    one.close()
    two.close()
  })

  it("[ADMIN-4] a store that nobody opened is not found, and is not made by asking", async () => {
    const before = await tables()
    const all = [
      failure(({ stores }) => stores.info(path("nobody"))),
      failure(({ stores }) => stores.reset(path("nobody"))),
      failure(({ stores }) => stores.renew(path("nobody"))),
      failure(({ stores }) => stores.delete(path("nobody"))),
      failure(({ exportEvents }) => Stream.runDrain(exportEvents("nobody")))
    ]
    for (const error of await Promise.all(all)) {
      expect(error).toMatchObject({
        _tag: "StoreNotFound",
        message: "there is no store of this id"
      })
    }
    expect(await tables()).toEqual(before)
  })

  it("[ADMIN-4] any storeId can be named", async () => {
    for (const storeId of STRANGE) {
      await push(storeId, events(1, 2))
      expect(await info(storeId)).toMatchObject({ head: 2, events: 2 })
      expect(await exported(storeId, 1)).toHaveLength(1)
    }
    for (const storeId of STRANGE) {
      await script(({ stores }) => stores.delete(path(storeId)))
      expect(await failure(({ stores }) => stores.info(path(storeId)))).toMatchObject({
        _tag: "StoreNotFound"
      })
    }
    expect((await call(`d1/admin/stores/${"x".repeat(1_025)}`)).status).toBe(400)
    expect((await call(`d1/admin/stores/${encodeURIComponent("🌊".repeat(513))}`)).status).toBe(400)
  })

  it("[ADMIN-5] the stores are listed page by page", async () => {
    for (const storeId of ["list-a", "list-b", "list-c"]) await push(storeId, events(1))
    const list = (urlParams: { readonly after?: string; readonly limit?: number }) =>
      script(({ stores }) => stores.list({ urlParams }))
    const first = await list({ after: "list", limit: 2 })
    expect(first).toMatchObject({
      stores: [{ storeId: "list-a" }, { storeId: "list-b" }],
      next: "list-b"
    })
    expect((await list({ after: "list-b", limit: 1_000 })).stores[0]).toMatchObject({
      storeId: "list-c",
      backendId: (await info("list-c")).backendId,
      createdAt: expect.stringMatching(/^\d{4}-.*Z$/)
    })
    for (const limit of ["0", "1001", "many", "1.5"]) {
      expect((await call(`d1/admin/stores?limit=${limit}`)).status).toBe(400)
    }
  })
})

describe("export and import", () => {
  it("[ADMIN-6] an export is what was pushed, and goes on from any event", async () => {
    const batch = [
      ...events(1, 2),
      { ...events(3)[0], args: { text: 'é🌊\u2028\n"', nested: [null, 1.5e300] } },
      { name: "bare", seqNum: 9, parentSeqNum: 3, clientId: "c", sessionId: "s" }
    ]
    await push("export", batch)
    const response = await call("d1/admin/stores/export/events")
    expect(response.headers.get("content-type")).toBe("application/x-ndjson")
    const lines = (await response.text()).split("\n")
    expect(lines.pop()).toBe("")
    expect(lines.map((text) => JSON.parse(text).eventEncoded)).toEqual(batch)
    for (const after of [0, 2, 3, 9, 100]) {
      const rest = await call(`d1/admin/stores/export/events?after=${after}`)
      const kept = lines.filter((text) => JSON.parse(text).eventEncoded.seqNum > after)
      expect(await rest.text()).toBe(kept.map((text) => `${text}\n`).join(""))
    }
    expect((await call("d1/admin/stores/export/events?after=-1")).status).toBe(400)
  })

  it("[ADMIN-6] an export says where it has to end, and one that breaks off does not pass for a whole one", async () => {
    const large = { args: { text: "x".repeat(100_000) } }
    const all = events(1, 300).map((event) => ({ ...event, ...large }))
    for (let start = 0; start < 300; start += 15) {
      await push("cut", all.slice(start, start + 15))
    }
    const whole = await call("d1/admin/stores/cut/events?after=290")
    expect(whole.headers.get("x-tidelog-head")).toBe("300")
    await whole.body?.cancel()
    const seen: Array<number> = []
    const error = await failure(({ exportEvents, stores }) =>
      exportEvents("cut").pipe(
        Stream.mapEffect(({ eventEncoded: { seqNum } }) =>
          // The log is replaced under the export, which has read no more than its reader and a few pages.
          Effect.zipRight(
            seqNum === 1 ? stores.reset(path("cut")) : Effect.void,
            Effect.sync(() => seen.push(seqNum))
          )
        ),
        Stream.runDrain
      )
    )
    const last = seen.at(-1)
    expect(seen).toEqual(Array.from(seen, (_, index) => index + 1))
    expect(last).toBeLessThan(300)
    expect(error).toMatchObject({ _tag: "ExportBrokenOff", last, head: 300 })
    await eventually(() =>
      expect(
        server.lines.filter((text) => text.includes("export broke off") && text.includes('"cut"'))
      ).toHaveLength(1)
    )
  }, 60_000)

  it("[ADMIN-7] an export of one store, imported into another, is the same log with its times", async () => {
    await push("origin", events(1, 3))
    await push("origin", [{ ...events(4)[0], seqNum: 40, parentSeqNum: 3 }])
    const live = await pulling("copy")
    const copied = await script(({ exportEvents, importEvents }) =>
      importEvents("copy", exportEvents("origin"))
    )
    expect(copied).toEqual({ imported: 4, head: 40 })
    expect(await exported("copy")).toEqual(await exported("origin"))
    expect((await info("copy")).backendId).not.toBe((await info("origin")).backendId)
    await live.until(() => live.seqNums("1").length === 4)
    expect(live.seqNums("1")).toEqual([1, 2, 3, 40])
    live.close()
  })

  it("[ADMIN-7] an import needs an empty store, or one that stands where it is said to", async () => {
    await push("occupied", events(1, 2))
    const text = events(1, 5).map((event) => `${line(event)}\n`)
    expect(await answerOf(await importText("occupied", text.join("")))).toEqual([
      409,
      {
        _tag: "NotAtHead",
        head: 2,
        message: "the store's log ends at 2; the events do not continue it"
      }
    ])
    expect(await answerOf(await importText("occupied", text.slice(2, 4).join(""), 2))).toEqual([
      200,
      { imported: 2, head: 4 }
    ])
    // Without a line feed behind the last line, and with one before the first.
    expect(await answerOf(await importText("occupied", `\n${line(events(5)[0])}`, 4))).toEqual([
      200,
      { imported: 1, head: 5 }
    ])
    expect(await answerOf(await importText("occupied", null, 5))).toEqual([
      200,
      { imported: 0, head: 5 }
    ])
    expect((await importText("occupied", null, 4)).status).toBe(409)
    expect(
      await failure(({ importEvents }) => importEvents("occupied", Stream.empty))
    ).toMatchObject({ _tag: "NotAtHead", head: 5 })
    const times = (await exported("occupied")).map(({ metadata }) => metadata)
    expect(times.every(({ _tag }) => _tag === "Some")).toBe(true)
  })

  it("[ADMIN-8] an import stops at the first bad line, names it, and says where the store stands", async () => {
    const good = events(1, 1_002).map((event) => line(event, "2020-01-02T03:04:05.678Z"))
    const bad = [
      ["no JSON", "the line is no JSON"],
      [`{"eventEncoded":{}}`, "eventEncoded.name"],
      [line({ ...events(1_003)[0], parentSeqNum: 1_001 }), "names 1001 as its parent"],
      [line({ ...events(1_003)[0], seqNum: 1_002 }), "does not come after its parent"],
      [line({ ...events(1_003)[0], name: "a\0b" }), "no valid text"],
      [line({ ...events(1_003)[0], args: "x".repeat(1_800_001) }), "larger than 1800000 bytes"],
      [line(events(1_003)[0], "yesterday"), "no time in ISO 8601"],
      [new Uint8Array([0xff, 0xfe]), "no UTF-8"]
    ] as const
    for (const [index, [text, words]] of bad.entries()) {
      const storeId = `bad-${index}`
      const body = new Blob([
        good.map((each) => `${each}\n`).join(""),
        text,
        "\n",
        line(events(1_004)[0])
      ])
      const [status, error] = await answerOf(await importText(storeId, body))
      expect([status, error]).toEqual([
        422,
        { _tag: "InvalidLine", line: 1_003, head: 1_000, message: expect.stringContaining(words) }
      ])
      // What is stored is whole batches; the rest goes on from there.
      expect(await info(storeId)).toMatchObject({ head: 1_000, events: 1_000 })
      const rest = good.slice(1_000).join("\n")
      expect(await answerOf(await importText(storeId, rest, 1_000))).toEqual([
        200,
        { imported: 2, head: 1_002 }
      ])
    }
    expect((await exported("bad-0", 1_001))[0]?.metadata).toMatchObject({
      value: { createdAt: "2020-01-02T03:04:05.678Z" }
    })
  })

  it("[ADMIN-8] what the store itself refuses is told with its line", async () => {
    const text = [...events(1, 30), { ...events(31)[0], args: "x".repeat(2_000) }]
    const [status, error] = await answerOf(
      await importText("strict", text.map((event) => line(event)).join("\n"), 0, "limited")
    )
    expect([status, error]).toMatchObject([422, { _tag: "InvalidLine", head: 0 }])
    expect(JSON.stringify(error)).toContain("event 31")
    // More at once than a client may push.
    expect(
      await answerOf(
        await importText(
          "strict",
          events(1, 30)
            .map((event) => line(event))
            .join("\n"),
          0,
          "limited"
        )
      )
    ).toEqual([200, { imported: 30, head: 30 }])
  })

  it("[ADMIN-6][ADMIN-7] twenty thousand events come through in order", async () => {
    const count = 20_000
    const text = "lorem ipsum ".repeat(20)
    const all = Stream.range(1, count).pipe(
      Stream.map((seqNum): Message.PulledEvent => ({
        eventEncoded: {
          name: "written",
          args: { seqNum, text },
          seqNum,
          parentSeqNum: seqNum - 1,
          clientId: "c",
          sessionId: "s"
        },
        metadata: Option.some({
          _tag: "SyncMessage.SyncMetadata",
          createdAt: "2020-01-02T03:04:05.678Z"
        })
      }))
    )
    expect(await script(({ importEvents }) => importEvents("huge", all))).toEqual({
      imported: count,
      head: count
    })
    const sent = await Effect.runPromise(Stream.runCollect(all))
    expect(JSON.stringify(await exported("huge"))).toBe(JSON.stringify(Array.from(sent)))
    // In one request as well, in pieces that know nothing of lines.
    const whole = await (await call("d1/admin/stores/huge/events")).arrayBuffer()
    expect(await answerOf(await importText("huge-again", whole))).toEqual([
      200,
      { imported: count, head: count }
    ])
  }, 60_000)
})

describe("a log that is replaced", () => {
  it("[ADMIN-9] a reset tells live clients, and starts a new log", async () => {
    await push("reset", events(1, 3))
    const client = await pulling("reset")
    const old = client.backendId()
    const { backendId } = await script(({ stores }) => stores.reset(path("reset")))
    expect(await client.exit("1")).toEqual({
      _tag: "Failure",
      cause: {
        _tag: "Fail",
        error: { _tag: "BackendIdMismatchError", expected: backendId, received: old }
      }
    })
    expect(await client.closed).toMatchObject({ code: 1012 })
    expect(backendId).not.toBe(old)

    const again = await connect("reset")
    again.send(again.pullFrame("1", { after: 3, backendId: old ?? "" }))
    expect(JSON.stringify(await again.exit("1"))).toContain("BackendIdMismatchError")
    again.send(again.pushFrame("2", events(4), old ?? ""))
    expect(JSON.stringify(await again.exit("2"))).toContain("BackendIdMismatchError")
    again.close()

    expect(await info("reset")).toMatchObject({ backendId, head: 0, events: 0 })
    await push("reset", events(1, 1, "client-b"))
    expect(await exported("reset")).toHaveLength(1)
  })

  it("[ADMIN-9] a new backendId keeps the events", async () => {
    await push("renewed", events(1, 3))
    const before = await exported("renewed")
    const client = await pulling("renewed")
    const old = client.backendId()
    const { backendId } = await script(({ stores }) => stores.renew(path("renewed")))
    expect(JSON.stringify(await client.exit("1"))).toContain("BackendIdMismatchError")
    expect(await client.closed).toMatchObject({ code: 1012 })
    expect(backendId).not.toBe(old)
    expect(await exported("renewed")).toEqual(before)
    const again = await pulling("renewed")
    expect(again.backendId()).toBe(backendId)
    expect(again.seqNums("1")).toEqual([1, 2, 3])
    again.close()
  })

  for (const worker of ["d1", "sqlite"]) {
    it(`[ADMIN-10] a deleted store is gone, and its id is free: ${worker}`, async () => {
      await push("deleted", events(1, 3), worker)
      const before = await info("deleted", worker)
      const client = await pulling("deleted", undefined, worker)
      await script(({ stores }) => stores.delete(path("deleted")), worker)
      expect(await client.closed).toEqual({ code: 4410, reason: "the store was deleted" })
      if (worker === "d1") {
        expect(await tables()).not.toContain(await Effect.runPromise(tableName("deleted")))
        const rows = await database
          .prepare("SELECT * FROM tidelog_stores WHERE storeId = 'deleted'")
          .all()
        expect(rows.results).toEqual([])
        expect(await failure(({ stores }) => stores.info(path("deleted")))).toMatchObject({
          _tag: "StoreNotFound"
        })
      }
      const again = await pulling("deleted", undefined, worker)
      expect(again.backendId()).not.toBe(before.backendId)
      expect(again.seqNums("1")).toEqual([])
      again.close()
      await push("deleted", events(1, 2, "client-b"), worker)
      expect(await info("deleted", worker)).toMatchObject({ head: 2, events: 2 })
    })
  }

  it("[ADMIN-10] nothing is left of a deleted store's object", async () => {
    const left = async () =>
      (await fetch(new URL("left?storeId=bare", server.url))).json() as Promise<object>
    await push("bare", events(1), "limited")
    const client = await connect("bare", undefined, "limited")
    client.send({ _tag: "Ping" })
    await client.count(1)
    // The connection has a minute to open a pull: that is what the alarm is for.
    expect(await left()).toEqual({ alarm: expect.any(Number) })
    await script(({ stores }) => stores.delete(path("bare")), "limited")
    expect(await client.closed).toMatchObject({ code: 4410 })
    expect(await left()).toEqual({ alarm: null })
    // The next store of this object sets it again.
    const next = await connect("bare", undefined, "limited")
    next.send(next.pushFrame("1", events(1)))
    await next.exit("1")
    expect(await left()).toEqual({ alarm: expect.any(Number) })
    next.close()
  })
})

describe("an access that is revoked", () => {
  for (const asleep of [false, true]) {
    it(`[ADMIN-11] ends, and no other${asleep ? ", where the object slept" : ""}`, async () => {
      const storeId = `revoked-${asleep}`
      const ann = await pulling(storeId, { user: "ann", device: 1 })
      const anns = await pulling(storeId, { user: "ann", device: 2 })
      const bob = await pulling(storeId, { user: "bob" })
      const revoke = (identity: unknown) =>
        script(({ stores }) => stores.revoke({ ...path(storeId), payload: { identity } }))
      if (asleep) await server.evict(storeId)
      expect(await revoke({ user: "carl" })).toEqual({ closed: 0 })
      expect(await revoke({})).toEqual({ closed: 0 })
      if (asleep) await server.evict(storeId)
      expect(await revoke({ user: "ann" })).toEqual({ closed: 2 })
      for (const client of [ann, anns]) {
        expect(await client.closed).toEqual({ code: 4401, reason: "the access was revoked" })
      }
      expect(await info(storeId)).toMatchObject({ sockets: 1, subscriptions: 1 })
      await push(storeId, events(1))
      await bob.until(() => bob.seqNums("1").length === 1)
      bob.close()
    })
  }
})

describe("another storage", () => {
  it("[ADMIN-12] stores in their own objects are looked after, and not listed", async () => {
    await push("own", events(1, 2), "sqlite")
    expect(await info("own", "sqlite")).toMatchObject({ head: 2, events: 2 })
    expect(await exported("own", 0, "sqlite")).toHaveLength(2)
    expect(await failure(({ stores }) => stores.list({ urlParams: {} }), "sqlite")).toMatchObject({
      _tag: "NotSupported"
    })
    expect((await call("sqlite/admin/stores")).status).toBe(501)
  })

  it("[ADMIN-12] what cannot be reached is unavailable, and its words stay in the log", async () => {
    for (const [worker, words] of [
      ["broken", "the list of stores cannot be read just now"],
      ["unbound", "the storage is not configured"],
      ["objectless", "the store cannot be reached just now"]
    ] as const) {
      await push("reached", [])
      const answer = await answerOf(await call(`${worker}/admin/stores/reached`))
      expect(answer).toEqual([503, { _tag: "StoreUnavailable", message: words }])
    }
    expect(server.lines.join("\n")).toContain("secret_table")
  })
})

describe("health", () => {
  const health = async (worker: string) =>
    answerOf(await fetch(new URL(`${worker}/health`, server.url)))

  it("[HEALTH-1] tells version, protocol and storage, and wakes no store", async () => {
    const before = await started()
    const about = { version: "0.1.0", protocol: 1 }
    expect(await health("d1")).toEqual([200, { status: "ok", ...about, storage: "ok" }])
    expect(await health("open")).toEqual([200, { status: "ok", ...about, storage: "ok" }])
    expect(await health("sqlite")).toEqual([200, { status: "ok", ...about, storage: "per-object" }])
    expect(await health("unbound")).toEqual([
      503,
      { status: "degraded", ...about, storage: "not-configured" }
    ])
    expect(await health("broken")).toEqual([
      503,
      { status: "degraded", ...about, storage: "unavailable" }
    ])
    expect(await script((client) => client.health.check(), "broken")).toMatchObject({
      status: "degraded"
    })
    expect(await started()).toBe(before)
  })

  it("[HEALTH-1][ADMIN-12] an app's own storage that cannot be built is tried again", async () => {
    expect(await health("own")).toMatchObject([503, { storage: "not-configured" }])
    expect(server.lines.join("\n")).toContain("adminStorage could not be built")
    expect(await health("own")).toMatchObject([200, { storage: "ok" }])
    await push("own-storage", events(1))
    expect(await info("own-storage", "own")).toMatchObject({ head: 1 })
    expect((await call("own/admin/stores")).status).toBe(200)
  })
})
