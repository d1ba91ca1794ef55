import { describe, expect, it } from "@effect/vitest"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as HttpMessage from "../src/HttpMessage.ts"

describe("HttpMessage", () => {
  it("[HTTP-1] a pull has no live, and keeps its cursor", () => {
    const decode = Schema.decodeUnknownSync(HttpMessage.PullRequest)
    const cursor = {
      _tag: "Some",
      value: { backendId: "b", eventSequenceNumber: 3, createdAt: "2026-01-02T03:04:05.678Z" }
    }
    expect(decode({ storeId: "s", payload: { a: 1 }, cursor })).toStrictEqual({
      storeId: "s",
      payload: { a: 1 },
      cursor: Option.some(cursor.value)
    })
    expect(decode({ storeId: "s", cursor: { _tag: "None" }, live: true })).toStrictEqual({
      storeId: "s",
      cursor: Option.none()
    })
  })

  it("[HTTP-1] an answer is an array of frames", () => {
    const page = {
      _tag: "Chunk",
      requestId: "1",
      values: [{ batch: [], pageInfo: { _tag: "MoreUnknown" }, backendId: "b" }]
    } as const
    const exit = { _tag: "Exit", requestId: "1", exit: { _tag: "Success" } } as const
    const decode = Schema.decodeUnknownSync(HttpMessage.AnswerFromText)
    expect(decode(JSON.stringify([page, exit]))).toStrictEqual([page, exit])
    expect(() => decode(JSON.stringify(page))).toThrow()
  })

  it("[HTTP-7] a pong is what LiveStore's client reads", () => {
    expect(Schema.decodeUnknownSync(HttpMessage.Pong)({ _tag: "SyncMessage.Pong" })).toStrictEqual({
      _tag: "SyncMessage.Pong"
    })
  })
})
