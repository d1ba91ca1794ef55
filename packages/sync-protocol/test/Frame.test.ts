import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { Frame, Message, SyncError } from "../src/index.ts"

const client = Schema.decodeUnknownEither(Frame.ClientFrameFromText)
const server = Schema.decodeUnknownEither(Frame.ServerFrameFromText)

describe("frames", () => {
  it("[FRAME-1] key order is free and unknown keys are ignored", () => {
    expect(client(`{"extra":1,"requestId":"7","_tag":"Ack"}`)).toStrictEqual(
      Either.right({ _tag: "Ack", requestId: "7" })
    )
    expect(server(`{"extra":1,"_tag":"Pong"}`)).toStrictEqual(Either.right({ _tag: "Pong" }))
  })

  it.each([
    ["no JSON", "{"],
    ["nothing", ""],
    ["null", "null"],
    ["an array", `[{"_tag":"Ping"}]`],
    ["an unknown tag", `{"_tag":"Nope"}`],
    ["no tag", `{"requestId":"1"}`],
    ["a server's frame", `{"_tag":"Pong"}`],
    ["an Ack of nothing", `{"_tag":"Ack"}`],
    ["a request without a tag", `{"_tag":"Request","id":"1","payload":{}}`]
  ])("[FRAME-5] %s is no client frame", (_, text) => {
    expect(Either.isLeft(client(text))).toBe(true)
  })

  it.each([
    ["no JSON", "{"],
    ["an array", `[{"_tag":"Pong"}]`],
    ["a client's frame", `{"_tag":"Ping"}`],
    ["an unknown tag", `{"_tag":"ClientProtocolError","error":{}}`],
    ["a chunk of no page", `{"_tag":"Chunk","requestId":"1","values":[]}`]
  ])("[FRAME-2] %s is no server frame", (_, text) => {
    expect(Either.isLeft(server(text))).toBe(true)
  })

  it.each([
    ["0", true],
    ["9".repeat(32), true],
    ["", false],
    ["9".repeat(33), false],
    ["-1", false],
    ["1.5", false],
    ["1\n", false],
    ["٣", false],
    ["a", false],
    [1, false]
  ])("[FRAME-3] request id %j: %j", (id, valid) => {
    expect(Either.isRight(client(JSON.stringify({ _tag: "Ack", requestId: id })))).toBe(valid)
    expect(Either.isRight(client(JSON.stringify({ _tag: "Interrupt", requestId: id })))).toBe(valid)
    const request = JSON.stringify({ _tag: "Request", id, tag: "x", payload: {} })
    expect(Either.isRight(client(request))).toBe(valid)
  })

  it("[FRAME-4] the texts of Ping and Pong are frames", () => {
    expect(client(Frame.PING_TEXT)).toStrictEqual(Either.right({ _tag: "Ping" }))
    expect(server(Frame.PONG_TEXT)).toStrictEqual(Either.right({ _tag: "Pong" }))
    expect(Schema.encodeSync(Frame.ClientFrameFromText)({ _tag: "Ping" })).toBe(Frame.PING_TEXT)
    expect(Schema.encodeSync(Frame.ServerFrameFromText)({ _tag: "Pong" })).toBe(Frame.PONG_TEXT)
  })

  it.effect("[FRAME-6] a request that nobody knows, or without a payload, still has its id", () =>
    Effect.gen(function* () {
      const decode = Schema.decodeUnknown(Frame.ClientFrameFromText)
      const unknown = yield* decode(`{"_tag":"Request","id":"1","tag":"Nope","payload":[1]}`)
      expect(unknown).toStrictEqual({ _tag: "Request", id: "1", tag: "Nope", payload: [1] })
      const empty = yield* decode(`{"_tag":"Request","id":"2","tag":"SyncWsRpc.Pull"}`)
      expect(empty).toMatchObject({ _tag: "Request", id: "2", tag: Message.PULL })
    })
  )

  it("[EVENT-1] a __proto__ key in a payload is data like any other", () => {
    const text = `{"_tag":"Request","id":"1","tag":"x","payload":{"__proto__":{"live":true},"a":1}}`
    const frame = Schema.decodeUnknownSync(Frame.ClientFrameFromText)(text)
    expect(Schema.encodeSync(Frame.ClientFrameFromText)(frame)).toContain(
      `{"__proto__":{"live":true},"a":1}`
    )
    // As a request, an own __proto__ is not a prototype: nothing is read through it.
    const pull = `{"__proto__":{"storeId":"s","live":true,"cursor":{"_tag":"None"}}}`
    expect(Either.isLeft(Schema.decodeUnknownEither(Message.PullRequest)(JSON.parse(pull)))).toBe(
      true
    )
  })
})

describe("a pull", () => {
  const decode = Schema.decodeUnknownEither(Message.PullRequest)

  it("[PULL-1] starts after its cursor, or at the root without one", () => {
    const after = { _tag: "Some", value: { backendId: "b", eventSequenceNumber: 3 } }
    expect(decode({ storeId: "s", live: true, cursor: after })).toStrictEqual(
      Either.right({
        storeId: "s",
        live: true,
        cursor: Option.some({ backendId: "b", eventSequenceNumber: 3 })
      })
    )
    expect(decode({ storeId: "s", live: false, cursor: { _tag: "None" } })).toStrictEqual(
      Either.right({ storeId: "s", live: false, cursor: Option.none() })
    )
  })

  it.each([undefined, null, 3, { backendId: "b", eventSequenceNumber: -1 }])(
    "[FRAME-6] does not start after %j",
    (cursor) => {
      const some = { _tag: "Some", value: cursor }
      expect(Either.isLeft(decode({ storeId: "s", live: true, cursor }))).toBe(true)
      expect(Either.isLeft(decode({ storeId: "s", live: true, cursor: some }))).toBe(true)
    }
  )
})

describe("the answer to a push", () => {
  it("[PUSH-2] is an empty object, and nothing less", () => {
    expect(Schema.decodeUnknownEither(Message.PushAck)({})).toStrictEqual(Either.right({}))
    expect(Either.isLeft(Schema.decodeUnknownEither(Message.PushAck)(undefined))).toBe(true)
    expect(Either.isLeft(Schema.decodeUnknownEither(Message.PushAck)(null))).toBe(true)
  })
})

describe("backendId", () => {
  it.each([
    ["i2eIikGs3zs6lKx-Lh-nO", true],
    ["_", true],
    ["a".repeat(64), true],
    ["", false],
    ["a".repeat(65), false],
    ["it's", false],
    ["a b", false],
    ["a\n", false],
    ["é", false]
  ])("[LOG-2] %j: %j", (id, valid) => {
    expect(Either.isRight(Schema.decodeUnknownEither(SyncError.BackendId)(id))).toBe(valid)
    const page = { batch: [], pageInfo: { _tag: "NoMore" }, backendId: id }
    expect(Either.isRight(Schema.decodeUnknownEither(Message.PullResponse)(page))).toBe(valid)
  })

  it("[PUSH-8] a push may be meant for any other log, so that it can be compared", () => {
    const push = { storeId: "s", batch: [], backendId: { _tag: "Some", value: "it's another" } }
    expect(Schema.decodeUnknownEither(Message.PushRequest)(push)).toStrictEqual(
      Either.right({ storeId: "s", batch: [], backendId: Option.some("it's another") })
    )
  })

  it("[PULL-7] a cursor may name any other log, so that it can be compared", () => {
    const cursor = { backendId: "it's another", eventSequenceNumber: 3 }
    expect(Schema.decodeUnknownEither(Message.Cursor)(cursor)).toStrictEqual(Either.right(cursor))
  })

  it("[PULL-10] a page without one is none", () => {
    const page = { batch: [], pageInfo: { _tag: "NoMore" } }
    expect(Either.isLeft(Schema.decodeUnknownEither(Message.PullResponse)(page))).toBe(true)
  })
})
