import { readFileSync } from "node:fs"
import { Frame } from "@tidelog/sync-protocol"
import { expect, it } from "vitest"
import { startServer } from "./support/server.ts"
import { events, WireClient } from "./support/WireClient.ts"
import type { Json } from "./support/WireClient.ts"

const { url } = await startServer()

/** A session of the official client with the official server: `<ms> <direction> <text>` a line. */
const recording = readFileSync(
  new URL("../../sync-protocol/test/fixtures/livestore-0.4.0-ws-frames.txt", import.meta.url),
  "utf8"
)

const recordedUrl = /^ *\d+ OPEN \/(.*)$/m.exec(recording)?.[1] ?? ""

const recordedBackendId = /"backendId":"([^"]+)"/.exec(recording)?.[1] ?? ""

const recorded = Array.from(recording.matchAll(/^ *\d+ (C->S|S->C) (.*)$/gm), (match) => ({
  fromClient: match[1] === "C->S",
  text: match[2] ?? ""
}))

/**
 * What the recorded server sent, but for the chunks it sends for a pull that has ended: our server
 * has forgotten that pull.
 */
const isGhost = (index: number): boolean => {
  const frame: Json = JSON.parse(recorded[index]?.text ?? "null")
  return (
    frame["_tag"] === "Chunk"
    && recorded.slice(0, index).some(({ text }) => {
      const earlier: Json = JSON.parse(text)
      return earlier["_tag"] === "Exit" && earlier["requestId"] === frame["requestId"]
    })
  )
}

/**
 * Where the answer differs on purpose. The recorded client pushes event 1 a second time: that is
 * stored already, and accepted again (PUSH-4). And a refusal has a name of its own (REFUSE-1).
 */
const onPurpose = (frame: Json): unknown => {
  const text = JSON.stringify(frame)
  if (text.includes("ServerAheadError")) {
    return { ...frame, exit: { _tag: "Success", value: {} } }
  }
  return JSON.parse(
    text.replace(
      `"cause":{"name":"Error","message":"rejected by onPush"}`,
      `"cause":{"name":"PushRejected","message":"rejected by onPush"}`
    )
  )
}

/** The kind of an answer: all of it, but for the names and times that each server makes itself. */
const kindOf = (frame: unknown): unknown =>
  JSON.parse(JSON.stringify(frame), (key, value: unknown) => {
    if (key === "backendId") return "<backendId>"
    if (key === "createdAt") return "<createdAt>"
    if (key === "cause" && JSON.stringify(value).includes(`"_tag":"Interrupt"`)) {
      return "<interrupted>"
    }
    return value
  })

it("[FRAME-2] answers a recorded session with the recorded kinds of answers", async () => {
  const client = await WireClient.open(`${url}websocket${recordedUrl}`)
  const expected: Array<unknown> = []
  let backendId: unknown
  for (const [index, { fromClient, text }] of recorded.entries()) {
    if (fromClient) {
      // The recorded client had heard all this before it sent the next frame.
      await client.count(expected.length)
      backendId ??= client.backendId()
      client.send(text.replaceAll(recordedBackendId, String(backendId)))
    } else if (!isGhost(index)) {
      expected.push(kindOf(onPurpose(JSON.parse(text))))
    }
  }
  await client.count(expected.length)
  expect(client.received.map(kindOf)).toEqual(expected)
  client.close()
  expect(await client.closed).toEqual({ code: 1000, reason: "" })
})

it("[PUSH-5] answers the recorded late push as recorded, if it brings another event", async () => {
  const client = await WireClient.connect(url, "late")
  client.send(client.pullFrame("1"))
  client.send(client.pushFrame("2", events(1, 2)))
  expect(await client.exit("2")).toEqual({ _tag: "Success", value: {} })
  client.send(client.pushFrame("3", events(1, 1, "client-b")))
  expect(await client.exit("3")).toEqual({
    _tag: "Failure",
    cause: {
      _tag: "Fail",
      error: { _tag: "ServerAheadError", minimumExpectedNum: 2, providedNum: 0 }
    }
  })
  client.close()
})

it("[FRAME-4] answers a Ping by a Pong, byte for byte", async () => {
  const client = await WireClient.connect(url, "ping")
  client.send(Frame.PING_TEXT)
  await client.count(1)
  expect(client.texts).toEqual([Frame.PONG_TEXT])
  // Also one that the platform does not recognise.
  client.send(`{ "_tag": "Ping" }`)
  await client.count(2)
  expect(client.texts).toEqual([Frame.PONG_TEXT, Frame.PONG_TEXT])
  client.close()
})

it("[FRAME-1] reads a binary frame as text", async () => {
  const client = await WireClient.connect(url, "binary")
  client.send(new TextEncoder().encode(JSON.stringify(client.pullFrame("1"))))
  expect(await client.chunk("1")).toMatchObject({ values: [{ batch: [] }] })
  client.close()
})
