/** What LiveStore 0.4.0 says, byte for byte as recorded, read and written again. */
import { assert, describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Dialect, Frame, Handshake, Message } from "../src/index.ts"
import { more, session, texts } from "./utils/fixture.ts"

/** Whatever JSON leaves of a value: absent keys are gone, which is what travels. */
const travelled = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

const decodeClientFrame = Schema.decodeUnknown(Frame.ClientFrameFromText)
const decodeServerFrame = Schema.decodeUnknown(Frame.ServerFrameFromText)
const encodeClientFrame = Schema.encode(Frame.ClientFrameFromText)
const encodeServerFrame = Schema.encode(Frame.ServerFrameFromText)

const tally = (tags: ReadonlyArray<string>) =>
  Object.fromEntries(tags.map((tag) => [tag, tags.filter((other) => other === tag).length]))

describe.each([
  {
    name: "a recorded session",
    lines: session,
    client: { Request: 7, Ack: 5, Interrupt: 1, Ping: 2 },
    server: { Chunk: 8, Exit: 7, Pong: 2 }
  },
  {
    name: "the frames it lacks",
    lines: more,
    client: { Request: 3, Eof: 1 },
    server: { Chunk: 1, Exit: 5, Defect: 1 }
  }
])("$name", ({ client, lines, server }) => {
  it.effect("[FRAME-1][FRAME-2] every client frame is read, and written as it was", () =>
    Effect.gen(function* () {
      const tags: Array<string> = []
      for (const text of texts(lines, "C->S")) {
        const frame = yield* decodeClientFrame(text)
        tags.push(frame._tag)
        expect(JSON.parse(yield* encodeClientFrame(frame))).toStrictEqual(JSON.parse(text))
      }
      expect(tally(tags)).toStrictEqual(client)
    })
  )

  it.effect("[FRAME-1][FRAME-2] every server frame is read, and written as it was", () =>
    Effect.gen(function* () {
      const tags: Array<string> = []
      for (const text of texts(lines, "S->C")) {
        const frame = yield* decodeServerFrame(text)
        tags.push(frame._tag)
        expect(JSON.parse(yield* encodeServerFrame(frame))).toStrictEqual(JSON.parse(text))
      }
      expect(tally(tags)).toStrictEqual(server)
    })
  )

  it.effect("[EVENT-1] every pull and push is read, and written as it was", () =>
    Effect.gen(function* () {
      let requests = 0
      for (const text of texts(lines, "C->S")) {
        const frame = yield* decodeClientFrame(text)
        if (frame._tag !== "Request") continue
        if (frame.tag === Message.PULL) {
          const pull = yield* Schema.decodeUnknown(Message.PullRequest)(frame.payload)
          const encoded = yield* Schema.encode(Message.PullRequest)(pull)
          expect(travelled(encoded)).toStrictEqual(frame.payload)
          requests += 1
        }
        if (frame.tag === Message.PUSH) {
          const push = yield* Schema.decodeUnknown(Message.PushRequest)(frame.payload)
          const encoded = yield* Schema.encode(Message.PushRequest)(push)
          expect(travelled(encoded)).toStrictEqual(frame.payload)
          requests += 1
        }
      }
      expect(requests).toBe(lines === session ? 7 : 2)
    })
  )

  it.effect("[FRAME-8] every exit is read, and written as it was", () =>
    Effect.gen(function* () {
      let exits = 0
      for (const text of texts(lines, "S->C")) {
        const frame = yield* decodeServerFrame(text)
        if (frame._tag !== "Exit") continue
        const exit = yield* Dialect.effect3.decode(frame.exit)
        expect(travelled(Dialect.effect3.encode(exit))).toStrictEqual(frame.exit)
        exits += 1
      }
      expect(exits).toBe(server.Exit)
    })
  )
})

it("[FRAME-4] Ping and Pong are the recorded bytes", () => {
  const ping = texts(session, "C->S").filter((text) => text.includes("Ping"))
  const pong = texts(session, "S->C").filter((text) => text.includes("Pong"))
  expect(new Set(ping)).toStrictEqual(new Set([Frame.PING_TEXT]))
  expect(new Set(pong)).toStrictEqual(new Set([Frame.PONG_TEXT]))
})

it.effect("[HAND-1][HAND-2] the recorded URL is read, and written as it was", () =>
  Effect.gen(function* () {
    const [open] = texts(session, "OPEN")
    assert(open !== undefined)
    const query = Object.fromEntries(new URL(open, "ws://recorded").searchParams)
    const params = yield* Schema.decodeUnknown(Handshake.SearchParams)(query)
    expect(params).toStrictEqual({
      storeId: "cap-1795495149817",
      payload: { authToken: "ok é" },
      transport: "ws",
      protocol: 1
    })
    const encoded = yield* Schema.encode(Handshake.SearchParams)(params)
    expect(encoded).toStrictEqual({ ...query, protocol: "1" })
    expect(Handshake.connectionUrl("ws://recorded", params)).toBe(
      `ws://recorded/websocket?${open.slice("/?".length)}&protocol=1`
    )
  })
)
