import { afterEach, expect, it } from "vitest"
import { HttpClient, seqNumsOf } from "./support/HttpClient.ts"
import { startServer } from "./support/server.ts"
import { events, WireClient } from "./support/WireClient.ts"

const { lines, url } = await startServer()

/** Lines of the server's log that tell of refusals and closed connections. */
const logged = () =>
  lines.flatMap((line) => {
    if (!line.startsWith("{")) return []
    const { annotations, message } = JSON.parse(line)
    return [{ message: String(message), ...annotations }]
  })

afterEach(() => {
  lines.length = 0
})

/** A store with two events, and somebody who follows it. */
const startStore = async (storeId: string) => {
  const bystander = await WireClient.connect(url, storeId)
  bystander.send(bystander.pullFrame("1"))
  bystander.send(bystander.pushFrame("2", events(1, 2)))
  await bystander.exit("2")
  return { bystander, offender: await WireClient.connect(url, storeId) }
}

/** Nothing accepted is lost, and the others go on. */
const expectUnharmed = async (bystander: WireClient) => {
  bystander.send(bystander.pushFrame("3", events(3)))
  expect(await bystander.exit("3")).toEqual({ _tag: "Success", value: {} })
  bystander.send(bystander.pullFrame("4", { live: false }))
  await bystander.exit("4")
  expect(bystander.seqNums("1")).toEqual([1, 2, 3])
  expect(bystander.seqNums("4")).toEqual([1, 2, 3])
  bystander.close()
}

const refusal = (name: string, message: unknown = expect.any(String)) => ({
  _tag: "Failure",
  cause: { _tag: "Fail", error: { _tag: "UnknownError", cause: { name, message } } }
})

it.each([
  ["text that is not JSON", "this is not JSON"],
  ["JSON that is cut off", `{"_tag":"Ping"`],
  ["an empty frame", ""],
  ["an array", "[]"],
  ["a frame of no known kind", `{"_tag":"Nonsense"}`],
  ["a frame without a kind", `{"requestId":"1"}`],
  ["a request without an id", `{"_tag":"Request","tag":"SyncWsRpc.Pull","payload":{}}`],
  ["a request whose id is not a number", `{"_tag":"Request","id":"x","tag":"t","payload":{}}`],
  ["bytes that are no text", new Uint8Array([0xff, 0xfe, 0x00])]
])("[FRAME-5] closes a connection that sends %s", async (what, frame) => {
  const storeId = `frame5_${what.replaceAll(/\W/g, "")}`
  const { bystander, offender } = await startStore(storeId)
  offender.send(frame)
  const closed = await offender.closed
  expect(closed).toEqual({ code: 1007, reason: "not a frame of this protocol" })
  await expectUnharmed(bystander)
  // REFUSE-4: once, with its store and connection.
  expect(logged()).toEqual([
    {
      message: "connection closed",
      code: 1007,
      reason: closed.reason,
      storeId,
      connectionId: expect.stringMatching(/^[0-9a-f]{8}$/)
    }
  ])
})

it("[FRAME-5] closes a connection whose frame is over the limit", async () => {
  const { bystander, offender } = await startStore("toobig")
  // 2 MiB in bytes, though not in characters.
  const frame = JSON.stringify({ _tag: "Ping", padding: "é".repeat(1024 * 1024) })
  expect(frame.length).toBeLessThan(2 * 1024 * 1024)
  offender.send(frame)
  expect(await offender.closed).toEqual({
    code: 1009,
    reason: "a frame may have 2097152 bytes"
  })
  await expectUnharmed(bystander)
  expect(logged()).toMatchObject([{ message: "connection closed", code: 1009, storeId: "toobig" }])
})

it("[FRAME-6] fails an unknown request by its own id, and nothing else", async () => {
  const { bystander, offender } = await startStore("unknown")
  offender.send(offender.pullFrame("1"))
  await offender.chunk("1")
  offender.send({ _tag: "Request", id: "7", tag: "SyncWsRpc.Nope", payload: {}, headers: [] })
  expect(await offender.exit("7")).toEqual(
    refusal("UnknownRequest", "this server has no request SyncWsRpc.Nope")
  )
  await expectUnharmed(bystander)
  await offender.until(() => offender.seqNums("1").length === 3)
  expect(offender.of("Exit", "1")).toEqual([])
  expect(logged()).toMatchObject([
    { message: "request refused", refusal: "UnknownRequest", requestId: "7", storeId: "unknown" }
  ])
  offender.close()
})

it.each([
  ["SyncWsRpc.Pull", {}],
  ["SyncWsRpc.Pull", null],
  ["SyncWsRpc.Pull", { storeId: "invalid", live: "yes", cursor: { _tag: "None" } }],
  ["SyncWsRpc.Push", { storeId: "invalid", batch: {}, backendId: { _tag: "None" } }],
  [
    "SyncWsRpc.Push",
    { storeId: "invalid", batch: [{ ...events(3)[0], seqNum: "3" }], backendId: { _tag: "None" } }
  ],
  [
    "SyncWsRpc.Push",
    { storeId: "invalid", batch: [{ ...events(3)[0], seqNum: 2.5 }], backendId: { _tag: "None" } }
  ]
])("[FRAME-6] fails a request that does not decode: %s %j", async (tag, payload) => {
  const client = await WireClient.connect(url, "invalid")
  client.send({ _tag: "Request", id: "1", tag, payload, headers: [] })
  expect(await client.exit("1")).toEqual(refusal("InvalidRequest"))
  client.close()
})

it.each([
  ["a gap", [...events(3, 4), ...events(6)]],
  ["a repetition", [...events(3), ...events(3)]],
  ["an event before its parent", [{ ...events(3)[0], seqNum: 2 }]],
  ["a step back", [...events(3, 4), { ...events(5)[0], seqNum: 3, parentSeqNum: 4 }]],
  ["a name that no database can keep", [{ ...events(3)[0], name: "a\0b" }]],
  ["a client id without end", [{ ...events(3)[0], clientId: "x".repeat(257) }]],
  ["a session id without end", [{ ...events(3)[0], sessionId: "x".repeat(257) }]],
  ["a name without end", [{ ...events(3)[0], name: "x".repeat(257) }]],
  ["a client id that is no text", [{ ...events(3)[0], clientId: "\ud800" }]]
])("[PUSH-6] refuses a batch with %s", async (what, batch) => {
  const { bystander, offender } = await startStore(`chain_${what.replaceAll(/\W/g, "")}`)
  offender.send(offender.pushFrame("5", batch))
  expect(await offender.exit("5")).toEqual(refusal("InvalidBatch"))
  expect(logged()).toMatchObject([{ message: "request refused", refusal: "InvalidBatch" }])
  // The connection is as good as before.
  offender.send(offender.pullFrame("6", { live: false }))
  await offender.exit("6")
  expect(offender.seqNums("6")).toEqual([1, 2])
  await expectUnharmed(bystander)
  offender.close()
})

it("[PUSH-6] refuses arguments that are nested too deeply", async () => {
  const { bystander, offender } = await startStore("deep")
  const frame = JSON.stringify(offender.pushFrame("5", [{ ...events(3)[0], args: "DEEP" }]))
  offender.send(frame.replace(`"DEEP"`, "[".repeat(100_000) + "]".repeat(100_000)))
  expect(await offender.exit("5")).toEqual(refusal("InvalidBatch"))
  await expectUnharmed(bystander)
  offender.close()
})

it("[FRAME-5] survives a frame that is nested without end", async () => {
  const { bystander, offender } = await startStore("nested")
  offender.send(`{"_tag":"Ack","requestId":${"[".repeat(100_000)}${"]".repeat(100_000)}}`)
  expect(await offender.closed).toMatchObject({ code: 1007 })
  await expectUnharmed(bystander)
})

it("[REFUSE-3] refuses too many events at once, and an event that is too large", async () => {
  const { bystander, offender } = await startStore("limits")
  offender.send(offender.pushFrame("5", events(3, 1_003)))
  expect(await offender.exit("5")).toEqual(
    refusal("BatchTooLarge", "the push has 1001 events; at most 1000 are taken at once")
  )
  const [event] = events(3)
  offender.send(offender.pushFrame("6", [{ ...event, args: "x".repeat(1_800_000) }]))
  expect(await offender.exit("6")).toEqual(refusal("EventTooLarge"))
  await expectUnharmed(bystander)
  offender.close()
})

it("[HAND-6] refuses a request that claims another store or payload", async () => {
  const { bystander, offender } = await startStore("claims")
  const claim = (id: string, claims: object) => {
    const frame = offender.pullFrame(id)
    offender.send({ ...frame, payload: { ...frame.payload, ...claims } })
    return offender.exit(id)
  }
  const push = offender.pushFrame("3", events(3))
  expect(await claim("1", { storeId: "another" })).toEqual(refusal("StoreMismatch"))
  expect(await claim("2", { payload: { authToken: "other" } })).toEqual(refusal("StoreMismatch"))
  offender.send({ ...push, payload: { ...push.payload, storeId: "another" } })
  expect(await offender.exit("3")).toEqual(refusal("StoreMismatch"))
  await expectUnharmed(bystander)
  offender.close()
})

it.each([
  ["an empty storeId", "?storeId=&transport=ws", 4400, "storeId is empty"],
  ["no storeId", "?transport=ws", 4400, expect.stringContaining("storeId")],
  [
    "a storeId of 257 characters",
    `?storeId=${"x".repeat(257)}&transport=ws`,
    4400,
    "storeId is longer than 256 characters"
  ],
  ["a payload that is not JSON", "?storeId=s&payload=%257B&transport=ws", 4400, expect.anything()],
  [
    "a payload that is no URI",
    "?storeId=s&payload=%25E0%25A4&transport=ws",
    4400,
    expect.anything()
  ],
  ["another transport", "?storeId=s&transport=carrier-pigeon", 4400, expect.anything()],
  ["another protocol", "?storeId=s&transport=ws&protocol=2", 4426, expect.stringContaining("2")],
  ["no payload", "?storeId=s&transport=ws", 4401, "the token is wrong"],
  [
    "a wrong token",
    `?storeId=s&payload=${encodeURIComponent(encodeURIComponent(`{"authToken":"no"}`))}`,
    4401,
    "the token is wrong"
  ],
  [
    "a payload of 20 kB",
    `?storeId=s&payload=${encodeURIComponent(encodeURIComponent(JSON.stringify({ authToken: `ok${"x".repeat(20_000)}` })))}`,
    4413,
    expect.stringContaining("10000 bytes")
  ]
])("[HAND-5] refuses %s with a reason", async (_, search, code, reason) => {
  const client = await WireClient.open(`${url}websocket${search}`)
  expect(await client.closed).toEqual({ code, reason })
  expect(client.received).toEqual([])
  expect(logged()).toMatchObject([
    {
      message: "connection refused",
      code,
      storeId: expect.any(String),
      connectionId: expect.stringMatching(/^[0-9a-f]{8}$/)
    }
  ])
})

it.each([
  ["an empty storeId", "?storeId=&transport=ws", "storeId is empty"],
  [
    "a storeId of 257 characters",
    `?storeId=${"x".repeat(257)}&transport=ws`,
    "storeId is longer than 256 characters"
  ],
  ["a payload that is not JSON", "?storeId=s&payload=%257B&transport=ws", expect.anything()],
  ["another transport", "?storeId=s&transport=carrier-pigeon", expect.anything()]
])(
  "[HAND-3] refuses %s at any path, where the official client connects",
  async (_, search, reason) => {
    const client = await WireClient.open(`${url}${search}`)
    expect(await client.closed).toEqual({ code: 4400, reason })
    expect(logged()).toMatchObject([{ message: "connection refused", code: 4400 }])
  }
)

it("[HAND-2][LIMIT-4] takes a storeId of up to 1,024 characters, where the app says so", async () => {
  const code = `
    import { makeDurableObject, makeWorker } from "@tidelog/sync-worker"
    export class SyncBackendDO extends makeDurableObject() {}
    export default makeWorker({ limits: { maxStoreIdLength: 1_024 } })`
  const server = await startServer({ code }, { bindings: { ADMIN_SECRET: "s" } })
  const storeId = `${"x".repeat(1_023)}-`
  const client = await WireClient.connect(server.url, storeId)
  client.send(client.pushFrame("1", events(1)))
  expect(await client.exit("1")).toEqual({ _tag: "Success", value: {} })
  client.close()
  const http = new HttpClient(server.url, storeId)
  expect(seqNumsOf(await http.send(http.pullFrame()))).toEqual([1])
  const info = await fetch(new URL(`admin/stores/${storeId}`, server.url), {
    headers: { authorization: "Bearer s" }
  })
  expect(await info.json()).toMatchObject({ head: 1 })
  await server.stop()
})

it("[HAND-2] takes a storeId of 256 characters, and any that a URL can carry", async () => {
  for (const storeId of ["x".repeat(256), "a b/c?d#e&é🌊", "'; DROP TABLE tidelog_stores; --"]) {
    const client = await WireClient.connect(url, storeId)
    client.send(client.pushFrame("1", events(1)))
    expect(await client.exit("1")).toEqual({ _tag: "Success", value: {} })
    client.close()
  }
})

it("[HAND-7] answers a request that is no upgrade with 426, and a stranger with 404", async () => {
  const answer = async (path: string) => (await fetch(new URL(path, url))).status
  expect(await answer("/websocket?storeId=s&transport=ws")).toBe(426)
  expect(await answer("/any/path?storeId=s&transport=ws")).toBe(426)
  expect(await answer("/any/path?storeId=s")).toBe(404)
  expect(await answer("/")).toBe(200)
})
