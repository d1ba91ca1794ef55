/** Who may connect, in workerd: what a Worker is told, and what becomes of a connection. */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { Handshake } from "@tidelog/sync-protocol"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as HashMap from "effect/HashMap"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import { afterAll, describe, expect, it } from "vitest"
import * as CloudflareEnv from "../src/CloudflareEnv.ts"
import * as Grant from "../src/Grant.ts"
import { handleWebSocket } from "../src/Worker.ts"
import { accepted } from "./support/frames.ts"
import { startServer } from "./support/server.ts"
import { events, WireClient } from "./support/WireClient.ts"

/** A collector of spans, as it is reached by HTTP. */
const startCollector = async () => {
  const requests: Array<{ path: string; headers: Record<string, unknown>; body: string }> = []
  const waiting = new Set<() => void>()
  const server = createServer((request, response) => {
    let body = ""
    request.setEncoding("utf8").on("data", (text) => (body += text))
    request.on("end", () => {
      requests.push({ path: request.url ?? "", headers: request.headers, body })
      response.statusCode = 200
      response.end("{}")
      for (const wake of waiting) wake()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  afterAll(() => new Promise((resolve) => server.close(resolve)))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    until: async (condition: () => boolean) => {
      while (!condition()) await new Promise<void>((resolve) => waiting.add(resolve))
    }
  }
}

const collector = await startCollector()

const { evict, lines, miniflare, url } = await startServer("./authWorker.ts", {
  durableObjects: {
    WEBSOCKET_SERVER: "SyncBackendDO",
    HTTP_ONLY: "HttpOnlyDO",
    SQLITE: "SqliteDO",
    TRACED: "TracedDO"
  },
  bindings: { COLLECTOR: `${collector.url}/otlp/` }
})

const connect = (
  worker: string,
  storeId: string,
  payload?: unknown,
  headers: Record<string, string> = {}
) =>
  WireClient.open(
    Handshake.connectionUrl(new URL(worker, url).toString(), {
      storeId,
      transport: "ws",
      protocol: 1,
      ...(payload === undefined ? {} : { payload })
    }),
    headers
  )

const heardOf = async (storeId: string): Promise<ReadonlyArray<Record<string, unknown>>> =>
  JSON.parse(await (await fetch(new URL(`/heard?storeId=${storeId}`, url))).text())

/** Pushes the first event, and gives what the hook was told of the connection. */
const sessionOf = async (client: WireClient, storeId: string) => {
  client.send(client.pushFrame("1", events(1)))
  expect(await client.exit("1")).toEqual(accepted)
  client.close()
  const session = (await heardOf(storeId))[0]?.["session"]
  return session as Record<string, unknown>
}

const request = async (path: string, init: RequestInit = {}) => {
  const response = await fetch(new URL(path, url), init)
  await response.text()
  return response
}

const cors = ({ headers, status }: Response) => ({
  status,
  origin: headers.get("access-control-allow-origin"),
  credentials: headers.get("access-control-allow-credentials"),
  methods: headers.get("access-control-allow-methods"),
  headers: headers.get("access-control-allow-headers")
})

describe("origins", () => {
  const app = { origin: "https://app.example", cookie: "session=1" }

  it("[AUTH-4][AUTH-1] a named page connects, and its cookies reach the rule and the hooks", async () => {
    const client = await connect("origins", "named", undefined, app)
    expect(await sessionOf(client, "named")).toMatchObject({
      identity: { cookie: "session=1", path: "/websocket" },
      headers: { cookie: "session=1" }
    })
  })

  it.each([
    "https://evil.example",
    "https://app.example.evil.example",
    "https://app.example:8443",
    "null"
  ])("[AUTH-4] %s does not", async (origin) => {
    const client = await connect("origins", "other", undefined, { ...app, origin })
    expect(await client.closed).toEqual({ code: 4403, reason: "this origin may not connect" })
    expect(await heardOf("other")).toEqual([])
    expect(cors(await request("/origins/", { headers: { origin } }))).toMatchObject({
      status: 403,
      origin: null
    })
    const preflight = await request("/origins/", { method: "OPTIONS", headers: { origin } })
    expect(cors(preflight)).toMatchObject({ status: 403, origin: null, methods: null })
  })

  it("[AUTH-4] what is no browser has no origin, and connects", async () => {
    const client = await connect("origins", "none")
    expect(await sessionOf(client, "none")).toMatchObject({ identity: { cookie: null } })
    expect(cors(await request("/origins/"))).toMatchObject({ status: 200, origin: null })
  })

  it("[AUTH-4] a predicate decides, and says no by throwing", async () => {
    for (const [origin, status] of [
      ["https://a.app.example", 200],
      ["https://app.example", 403],
      ["https://broken.app.example", 403]
    ] as const) {
      expect((await request("/predicate/", { headers: { origin } })).status, origin).toBe(status)
    }
  })
})

describe("CORS", () => {
  const paths = [
    ["/", 200],
    ["/nowhere", 404],
    ["/websocket?storeId=s", 426]
  ] as const

  it.each(paths)("[AUTH-5] the answer to %s can be read by any page", async (path, status) => {
    const response = await request(`/open${path}`, { headers: { origin: "https://any.example" } })
    expect(cors(response)).toMatchObject({ status, origin: "*", credentials: null })
    expect(response.headers.get("access-control-expose-headers")).toContain("x-tidelog-head")
  })

  it.each(paths)("[AUTH-5] where pages are named, that to %s by those", async (path, status) => {
    const origin = "https://app.example"
    const response = await request(`/origins${path}`, { headers: { origin } })
    expect(cors(response)).toMatchObject({ status, origin, credentials: "true" })
    expect(response.headers.get("vary")).toBe("origin")
  })

  it("[AUTH-5] a preflight is answered", async () => {
    const response = await request("/origins/nowhere", {
      method: "OPTIONS",
      headers: { origin: "http://localhost:5173", "access-control-request-headers": "x-a, x-b" }
    })
    expect(cors(response)).toEqual({
      status: 204,
      origin: "http://localhost:5173",
      credentials: "true",
      methods: "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
      headers: "x-a, x-b"
    })
  })

  it("[AUTH-5] nothing of it where it is not enabled", async () => {
    const headers = { origin: "https://a.app.example" }
    expect(cors(await request("/predicate/", { headers }))).toMatchObject({ origin: null })
    expect((await request("/predicate/", { method: "OPTIONS", headers })).status).toBe(200)
  })

  it("[AUTH-5] also of a handler among other routes", async () => {
    const headers = { origin: "https://any.example" }
    const response = await request("/handler/websocket?storeId=s", { headers })
    expect(cors(response)).toMatchObject({ status: 426, origin: "*" })
  })
})

describe("a payload of a known shape", () => {
  it.each(["schema", "decoded"])(
    "[AUTH-2] any other is refused, without its words: %s",
    async (worker) => {
      for (const [payload, place] of [
        [undefined, ""],
        ["secret", ""],
        [{ since: "2026", token: ["secret"] }, " at token"],
        [{ since: "secret", token: "t" }, " at since"],
        [{ "secret key": 1 }, " at since"]
      ] as const) {
        const client = await connect(worker, "shapes", payload)
        expect(await client.closed).toEqual({
          code: 4400,
          reason: `the payload does not have the expected shape${place}`
        })
      }
      expect(await heardOf("shapes")).toEqual([])
      expect(lines.join("\n")).not.toContain("secret")
    }
  )

  it("[AUTH-2] the rule is given the decoded one, and the session keeps what was sent", async () => {
    const payload = { since: "2026", token: "t" }
    const client = await connect("decoded", "decoded", payload)
    expect(await sessionOf(client, "decoded")).toMatchObject({
      payload,
      identity: { nextYear: 2027 }
    })
    const other = await connect("schema", "undecoded", payload)
    expect(await sessionOf(other, "undecoded")).not.toHaveProperty("identity")
  })
})

describe("an identity that ends", () => {
  const later = Date.UTC(2099, 0, 1)

  it.each([
    ["a number", { expiresAt: later }],
    ["a Date", { as: "date", expiresAt: later }],
    ["a text", { expiresAt: "2099-01-01T00:00:00Z" }],
    ["a text of a zone", { expiresAt: "2099-01-01T02:00:00.000+02:00" }]
  ])("[AUTH-3] says so by %s", async (name, payload) => {
    const storeId = `ends by ${name}`
    const client = await connect("expiry", storeId, payload)
    expect(await sessionOf(client, storeId)).toMatchObject({ expiresAt: later })
  })

  it("[AUTH-3] without saying so has no end", async () => {
    const client = await connect("expiry", "endless", {})
    expect(await sessionOf(client, "endless")).not.toHaveProperty("expiresAt")
  })

  it.each([0, 1_700_000_000, "2020-01-01", "2020-01-01T00:00:00+02:00"])(
    "[AUTH-3] past already at %s is refused",
    async (expiresAt) => {
      const client = await connect("expiry", "past", { expiresAt })
      expect(await client.closed).toEqual({ code: 4401, reason: "the credentials have expired" })
    }
  )

  it.each([
    { expiresAt: "tomorrow" },
    { expiresAt: "2026-13-45" },
    { expiresAt: null },
    { expiresAt: {} },
    { expiresAt: "1700000000" },
    { as: "date", expiresAt: "x" },
    { as: "endless" }
  ])("[AUTH-3] at no time at all is the app's mistake: %s", async (payload) => {
    const client = await connect("expiry", "mistaken", payload)
    expect(await client.closed).toEqual({ code: 1011, reason: "the server made a mistake" })
    expect(lines.filter((line) => line.includes("mistaken")).join()).toContain(
      "expiresAt is neither"
    )
  })
})

describe("an authorisation that is a Layer", () => {
  const buildsOf = async (query = "") =>
    Number(await (await fetch(new URL(`/builds${query}`, url))).text())

  it("[AUTH-6] is not kept if it fails, and is built once for all", async () => {
    await buildsOf("?fail")
    const failed = await connect("built", "built")
    expect(await failed.closed).toEqual({
      code: 1013,
      reason: "authorisation is not possible just now"
    })
    expect(lines.join("\n")).toContain("not this time")
    const before = await buildsOf()
    // Neither waits for the other.
    const first = await Promise.all([connect("built", "built 1"), connect("built", "built 2")])
    expect(await buildsOf()).toBe(before + 2)
    const identities = await Promise.all(
      first.map((client, index) => sessionOf(client, `built ${index + 1}`))
    )
    // The one that was ready first was kept for both.
    expect(identities[0]?.["identity"]).toEqual(identities[1]?.["identity"])
    const third = await connect("built", "built 3")
    expect(await sessionOf(third, "built 3")).toMatchObject({
      identity: identities[0]?.["identity"]
    })
    // Also where the same Layer is given to a handler.
    const fourth = await connect("handler", "built 4")
    expect(await sessionOf(fourth, "built 4")).toMatchObject({
      identity: identities[0]?.["identity"]
    })
    expect(await buildsOf()).toBe(before + 2)
  })
})

describe("an object", () => {
  it("[AUTH-7] refuses a transport that it does not take", async () => {
    const client = await connect("http", "transports")
    expect(await client.closed).toEqual({
      code: 4400,
      reason: "this backend does not take the transport ws"
    })
  })

  it("[LOG-2] keeps its events in its own SQLite, where it is told to", async () => {
    const before = await connect("sqlite", "own storage")
    before.send(before.pullFrame("1"))
    await before.chunk("1")
    before.send(before.pushFrame("2", events(1, 2)))
    expect(await before.exit("2")).toEqual(accepted)
    await evict("own storage", "SqliteDO")
    const after = await connect("sqlite", "own storage")
    after.send(after.pullFrame("1"))
    await after.chunk("1")
    expect(after.seqNums("1")).toEqual([1, 2])
    expect(after.backendId()).toBe(before.backendId())
    // And nothing of them in D1, where the other objects keep theirs.
    const database = await miniflare.getD1Database("DB")
    const other = await connect("open", "other storage")
    other.send(other.pullFrame("1"))
    await other.chunk("1")
    const { results } = await database
      .prepare("SELECT storeId FROM tidelog_stores WHERE storeId LIKE '% storage'")
      .all()
    expect(results).toEqual([{ storeId: "other storage" }])
    for (const client of [before, after, other]) client.close()
  })

  it("[HOOK-1] hands its hooks what a function picks of the request", async () => {
    const client = await connect("open", "picked", { token: "t" }, { cookie: "a=1" })
    expect(await sessionOf(client, "picked")).toEqual({
      connectionId: expect.stringMatching(/^[0-9a-f]{8}$/),
      storeId: "picked",
      payload: { token: "t" },
      headers: { cookie: "a=1", "x-transport": "ws" }
    })
  })

  it("[HOOK-1] closes a connection whose headers it stumbles over", async () => {
    const client = await connect("open", "stumbles", undefined, { "x-stumble": "1" })
    expect(await client.closed).toEqual({ code: 1011, reason: "the server made a mistake" })
    expect(lines.filter((line) => line.includes(`"stumbles"`)).join()).toContain("no such header")
  })

  it("[HOOK-2][HOOK-3][HOOK-5] tells its hooks of answers and pages, with their services", async () => {
    const client = await connect("open", "told")
    client.send(client.pullFrame("1"))
    await client.chunk("1")
    client.send(client.pushFrame("2", events(1, 2)))
    expect(await client.exit("2")).toEqual(accepted)
    expect(await heardOf("told")).toMatchObject([
      { page: 0 },
      { pushed: 2 },
      { page: 2 },
      { prefix: "answered", answer: {} }
    ])
    const logged = lines.filter((line) => line.includes("onPullRes failed"))
    expect(logged.filter((line) => line.includes(`"told"`))).toHaveLength(2)
    client.close()
  })
})

describe("spans", () => {
  const push = async (client: WireClient, id: string, seqNum: number) => {
    client.send(client.pushFrame(id, events(seqNum)))
    expect(await client.exit(id)).toEqual(accepted)
  }

  it("[HOOK-6] of a push reach a collector, and hold nothing that they should not", async () => {
    const client = await connect("traced", "traced", { authToken: "secret-token" })
    client.send(client.pullFrame("1"))
    await client.chunk("1")
    await push(client, "2", 1)
    client.send(client.pushFrame("3", [{ ...events(2)[0], name: "x".repeat(300) }]))
    await client.exit("3")
    const bodies = () => collector.requests.map(({ body }) => body).join("\n")
    await collector.until(() => bodies().includes("InvalidBatch"))
    const spans = collector.requests.flatMap(({ body }) => spansOf(body))
    const received = spans.filter(({ name }) => name === "SyncServer.receive")
    expect(received.map(({ attributes }) => attributes)).toMatchObject([
      { "frame.kind": "Pull", storeId: "traced", outcome: "done" },
      { "frame.kind": "Push", storeId: "traced", outcome: "Success" },
      { "frame.kind": "Push", storeId: "traced", outcome: "InvalidBatch" }
    ])
    const append = spans.find(
      ({ attributes, name }) => name === "EventLog.append" && "events" in attributes
    )
    expect(append).toMatchObject({
      attributes: { events: "1", after: "0" },
      traceId: received[1]?.traceId,
      parentSpanId: expect.any(String)
    })
    for (const { path, headers } of collector.requests) {
      expect(path).toBe("/otlp/v1/traces")
      expect(headers).toMatchObject({
        authorization: "Bearer collector-key",
        "content-type": "application/json"
      })
    }
    for (const secret of ["secret", "todo 1", "t1", "xxx", "client-a", "collector-key"]) {
      expect(bodies()).not.toContain(secret)
    }
    client.close()
  })

  it("[HOOK-6] do not keep the object from sleeping", async () => {
    const [reader, pusher] = [
      await connect("traced", "sleeper"),
      await connect("traced", "sleeper")
    ]
    reader.send(reader.pullFrame("1"))
    await reader.chunk("1")
    for (let seqNum = 1; seqNum <= 3; seqNum++) {
      await push(pusher, String(seqNum), seqNum)
      await reader.until(() => reader.seqNums("1").length === seqNum)
      // An object sleeps when it has nothing to do: when its spans have been taken.
      await collector.until(() => pushesOf("sleeper") === seqNum)
      await request(`/heard?storeId=sleeper`)
      await evict("sleeper", "TracedDO")
    }
    reader.close()
    pusher.close()
  })
})

/** How many pushes of a store the collector knows. */
const pushesOf = (storeId: string): number =>
  collector.requests
    .flatMap(({ body }) => spansOf(body))
    .filter((span) => span.attributes["storeId"] === storeId)
    .filter((span) => span.attributes["frame.kind"] === "Push").length

const spansOf = (body: string) => {
  const [{ scopeSpans }] = JSON.parse(body).resourceSpans
  const spans: ReadonlyArray<{
    name: string
    traceId: string
    spanId: string
    parentSpanId?: string
    attributes: ReadonlyArray<{ key: string; value: object }>
  }> = scopeSpans[0].spans
  return spans.map((span) => ({
    ...span,
    attributes: Object.fromEntries(
      span.attributes.map(({ key, value }) => [key, Object.values(value)[0]])
    )
  }))
}

it("[AUTH-1] the services of a handler's rule are built once for each env, with their logger", async () => {
  class Users extends Context.Tag("test/Users")<Users, { readonly of: string }>() {}
  let built = 0
  const lines: Array<unknown> = []
  const services = Layer.merge(
    Layer.effect(
      Users,
      Effect.map(CloudflareEnv.CloudflareEnv, (env) => {
        built += 1
        return { of: String(Reflect.get(env, "NAME")) }
      })
    ),
    Logger.replace(
      Logger.defaultLogger,
      Logger.make(({ annotations, message }) => {
        lines.push([message, Option.getOrUndefined(HashMap.get(annotations, "storeId"))].flat())
      })
    )
  )
  const grants: Array<unknown> = []
  const envOf = (name: string) => ({
    NAME: name,
    WEBSOCKET_SERVER: {
      idFromName: (storeId: string) => storeId,
      get: () => ({
        fetch: (_: string, { headers }: { readonly headers: Headers }) => {
          grants.push(Either.getOrThrow(Grant.decode(headers.get(Grant.HEADER))).identity)
          return Promise.resolve(new Response("object"))
        }
      })
    }
  })
  const context = Object.create(null)
  const connectTo = (env: object) =>
    handleWebSocket(
      new Request(`https://app.example/websocket?storeId=s${lines.length}`, {
        headers: { upgrade: "websocket" }
      }),
      env,
      context,
      {
        services,
        validatePayload: () => Effect.tap(Users, (users) => Effect.logInfo(`users of ${users.of}`))
      }
    )
  const [one, other] = [envOf("one"), envOf("other")]
  for (const env of [one, one, other, one]) expect((await connectTo(env)).status).toBe(200)
  expect(grants).toEqual(["one", "one", "other", "one"].map((of) => ({ of })))
  expect(built).toBe(2)
  expect(lines).toEqual(
    ["one", "one", "other", "one"].map((of, index) => [`users of ${of}`, `s${index}`])
  )
})

it("[AUTH-1] an object is placed as the Worker is told", async () => {
  // The local platform knows no places, so the namespace stands for it.
  const asked: Array<unknown> = []
  const namespace = {
    idFromName: (name: string) => `id of ${name}`,
    get: (id: string, options: object) => {
      asked.push({ id, options })
      return { fetch: () => Promise.resolve(new Response("object")) }
    },
    jurisdiction: (name: string) => {
      asked.push(name)
      return namespace
    }
  }
  const upgrade = new Request("https://app.example/websocket?storeId=s", {
    headers: { upgrade: "websocket" }
  })
  const env = { PLACED: namespace }
  const context = {} as Parameters<typeof handleWebSocket>[2]
  const durableObject = { name: "PLACED", locationHint: "weur", jurisdiction: "eu" } as const
  const response = await handleWebSocket(upgrade, env, context, { durableObject })
  expect(await response.text()).toBe("object")
  expect(asked).toEqual(["eu", { id: "id of s", options: { locationHint: "weur" } }])
})
