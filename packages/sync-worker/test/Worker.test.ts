/** The Worker in front of the objects: which requests it takes, also beside routes of its own. */
import * as Either from "effect/Either"
import { describe, expect, it } from "vitest"
import { matchSyncRequest } from "../src/SyncRequest.ts"
import { accepted, ended } from "./support/frames.ts"
import { exitOf, HttpClient } from "./support/HttpClient.ts"
import { startServer } from "./support/server.ts"
import { events, WireClient } from "./support/WireClient.ts"

const match = (path: string) => matchSyncRequest(new Request(new URL(path, "https://app.example")))

const payload = (value: unknown) => encodeURIComponent(encodeURIComponent(JSON.stringify(value)))

describe("matchSyncRequest", () => {
  it.each([
    ["/websocket?storeId=s", { storeId: "s", transport: "ws", protocol: 1 }],
    [
      "/websocket?storeId=s&transport=ws&protocol=1",
      { storeId: "s", transport: "ws", protocol: 1 }
    ],
    ["/a/b/websocket?storeId=s", { storeId: "s" }],
    ["/sync?storeId=s&transport=ws", { storeId: "s" }],
    ["/sync?storeId=s&transport=http", { storeId: "s", transport: "http" }],
    ["/?transport=ws&storeId=a%20b%2Fc&other=1", { storeId: "a b/c" }],
    [`/websocket?storeId=s&payload=${payload({ token: "ä&=%" })}`, { payload: { token: "ä&=%" } }],
    [`/websocket?storeId=s&payload=${payload(null)}`, { payload: null }],
    ["/websocket?storeId=s&protocol=7", { protocol: 7 }]
  ])("[HAND-3] takes %s", (path, params) => {
    expect(match(path)).toMatchObject(Either.right(params))
  })

  it.each([
    "/",
    "/sync?storeId=s",
    "/sync?transport=ws",
    "/sync?storeId=&transport=ws",
    "/sync?storeId=s&transport=carrier-pigeon",
    "/websocket/more?storeId=s",
    "/websockets",
    "/api?payload=x"
  ])("[HAND-3] leaves %s to others", (path) => {
    expect(match(path)).toBeUndefined()
  })

  it.each([
    ["/websocket", "storeId"],
    ["/websocket?storeId=", "storeId is empty"],
    [`/websocket?storeId=${"x".repeat(1_025)}`, "storeId is longer than 1,024 characters"],
    ["/websocket?storeId=s&transport=carrier-pigeon", "transport"],
    ["/websocket?storeId=s&protocol=one", "protocol is not a number"],
    ["/websocket?storeId=s&payload=secret%2525", "payload is not URI-encoded JSON"]
  ])("[HAND-4] says what is wrong with %s", (path, words) => {
    const matched = match(path)
    expect(matched).toMatchObject(Either.left({ message: expect.stringContaining(words) }))
    expect(JSON.stringify(matched)).not.toContain("secret")
  })
})

describe("a worker with routes of its own", async () => {
  const { lines, url } = await startServer("./hookedWorker.ts")
  const ws = url.replace("http:", "ws:")

  it("[HAND-3] goes on to them", async () => {
    const answer = async (path: string) => {
      const response = await fetch(new URL(path, url))
      return [response.status, await response.text()]
    }
    expect(await answer("/hello")).toEqual([200, "hello"])
    expect(await answer("/elsewhere")).toEqual([404, "no such page"])
    expect((await answer("/websocket?storeId=s"))[0]).toBe(426)
  })

  it("[HAND-3] serves sync at any path that carries the search params", async () => {
    for (const path of ["sync", "a/b/websocket", "websocket"]) {
      const storeId = path.replaceAll("/", "_")
      const client = await WireClient.open(`${ws}${path}?storeId=${storeId}&transport=ws`)
      client.send(client.pushFrame("1", events(1)))
      expect(await client.exit("1")).toEqual(accepted)
      client.close()
    }
  })

  it("[HTTP-1] its handler serves sync over HTTP as well", async () => {
    const http = new HttpClient(url, "over HTTP", { as: "ann" })
    expect(exitOf(await http.send(http.pushFrame(events(1, 2))))).toEqual(accepted)
    const pulled = await http.send(http.pullFrame())
    expect(JSON.stringify(pulled.frames)).toContain(`"seqNum":2`)
    expect(exitOf(pulled)).toEqual(ended)
    const nobody = new HttpClient(url, "over HTTP", { as: "forbidden" })
    expect(await nobody.send(nobody.pullFrame())).toMatchObject({
      status: 403,
      text: "this store is not yours\n"
    })
  })

  it("[HAND-2] a payload is measured in bytes", async () => {
    for (const [text, fits] of [
      ["x".repeat(9_000), true],
      ["é".repeat(4_990), true],
      ["é".repeat(5_000), false]
    ] as const) {
      const client = await WireClient.connect(url, "payloads", text)
      if (fits) {
        client.send(client.pullFrame("1", { live: false }))
        await client.exit("1")
        client.close()
      } else {
        expect(await client.closed).toMatchObject({ code: 4413 })
      }
    }
  })

  it("[REFUSE-2] what a rule stumbled over is in the log, and on no wire", async () => {
    const client = await WireClient.connect(url, "broken", { as: "broken" })
    expect(await client.closed).toEqual({
      code: 4401,
      reason: "the credentials were not accepted"
    })
    expect(lines.join("\n")).toContain("secret_users")
  })
})

it("a worker without the object's binding says so in its log", async () => {
  const server = await startServer("./worker.ts", { durableObjects: ["ELSEWHERE"] })
  await expect(WireClient.connect(server.url, "s")).rejects.toThrow("no connection")
  expect(server.lines.join("\n")).toContain(
    "the Worker's configuration has no Durable Object binding named WEBSOCKET_SERVER"
  )
  await server.stop()
})
