// Vitest takes two objects with a key "constructor" for instances of different classes.
import { deepStrictEqual } from "node:assert/strict"
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Schema from "effect/Schema"
import { Handshake } from "../src/index.ts"
import { anyString, jsonValue, seeded, wellFormedString } from "./utils/arbitraries.ts"

const decode = Schema.decodeUnknownEither(Handshake.SearchParams)

const params: Handshake.SearchParams = { storeId: "s", transport: "ws", protocol: 1 }

const query = "storeId=s&transport=ws&protocol=1"

describe("connectionUrl", () => {
  it.each([
    ["ws://host", `ws://host/websocket?${query}`],
    ["wss://host", `wss://host/websocket?${query}`],
    ["http://host:8787", `ws://host:8787/websocket?${query}`],
    ["https://host", `wss://host/websocket?${query}`],
    ["https://host/", `wss://host/websocket?${query}`],
    ["https://host/a/b", `wss://host/a/b/websocket?${query}`],
    ["https://host/a/b//", `wss://host/a/b/websocket?${query}`],
    ["https://host/websocket", `wss://host/websocket?${query}`],
    ["https://host/websocket/", `wss://host/websocket?${query}`],
    ["https://host/a/websocket", `wss://host/a/websocket?${query}`],
    ["https://host/websocket/a", `wss://host/websocket/a/websocket?${query}`],
    ["https://host?region=eu&region=us", `wss://host/websocket?region=eu&region=us&${query}`],
    ["https://host/a/?region=eu#part", `wss://host/a/websocket?region=eu&${query}`],
    ["https://host/#part", `wss://host/websocket?${query}`],
    ["https://host/?storeId=other", `wss://host/websocket?${query}`]
  ])("[HAND-1] %s", (base, url) => {
    expect(Handshake.connectionUrl(base, params)).toBe(url)
  })

  it.each(["host", "/websocket", "localhost:8787", "ftp://host", ""])(
    "[HAND-1] %j is no base",
    (base) => {
      expect(() => Handshake.connectionUrl(base, params)).toThrow(TypeError)
    }
  )

  it.prop(
    "[HAND-2] what a server reads is what the client meant",
    [
      FastCheck.record(
        {
          storeId: wellFormedString.filter((id) => id.length > 0),
          payload: jsonValue,
          transport: FastCheck.constant("ws" as const),
          protocol: FastCheck.nat({ max: 999_999_999 })
        },
        { requiredKeys: ["storeId", "transport", "protocol"] }
      )
    ],
    ([meant]) => {
      const url = new URL(Handshake.connectionUrl("https://host/a?b=c", meant))
      expect(url.searchParams.get("b")).toBe("c")
      expect(url.searchParams.has("payload")).toBe("payload" in meant)
      deepStrictEqual(decode(Object.fromEntries(url.searchParams)), Either.right(meant))
    },
    seeded
  )

  it("[HAND-2] no payload, no search param", () => {
    const url = Handshake.connectionUrl("ws://host", { ...params, payload: undefined })
    expect(url).toBe(`ws://host/websocket?${query}`)
  })
})

describe("SearchParams", () => {
  it.each([
    ["one character", "s", true],
    ["1,024 characters", "s".repeat(1_024), true],
    ["any text", `a b/?&=#%\0"'😀`, true],
    ["nothing", "", false],
    ["1,025 characters", "s".repeat(1_025), false],
    ["513 characters outside the BMP", "😀".repeat(513), false],
    ["half a character", "a\ud83d", false],
    ["the other half", "\ude00b", false]
  ])("[HAND-2] %s as storeId", (_, storeId, valid) => {
    expect(Either.isRight(decode({ storeId }))).toBe(valid)
    expect(Either.isRight(Schema.decodeUnknownEither(Handshake.StoreId)(storeId))).toBe(valid)
  })

  it("[HAND-2] a storeId is required", () => {
    expect(Either.isLeft(decode({ transport: "ws" }))).toBe(true)
  })

  it("[HAND-3] transport is ws, also if absent, or http, and nothing else", () => {
    expect(decode({ storeId: "s" })).toStrictEqual(Either.right(params))
    expect(decode({ storeId: "s", transport: "ws" })).toStrictEqual(Either.right(params))
    expect(decode({ storeId: "s", transport: "http" })).toStrictEqual(
      Either.right({ ...params, transport: "http" })
    )
    expect(Either.isLeft(decode({ storeId: "s", transport: "https" }))).toBe(true)
    expect(Either.isLeft(decode({ storeId: "s", transport: "" }))).toBe(true)
  })

  it.each([
    [undefined, 1],
    ["1", 1],
    ["2", 2],
    ["426", 426]
  ])("[HAND-4] protocol %j is version %j", (protocol, version) => {
    const given = protocol === undefined ? { storeId: "s" } : { storeId: "s", protocol }
    expect(decode(given)).toStrictEqual(Either.right({ ...params, protocol: version }))
  })

  it.each(["x", "", " 1", "1.5", "-1", "1e3", "0x1", "1".repeat(10)])(
    "[HAND-4] protocol %j is no version",
    (protocol) => {
      expect(Either.isLeft(decode({ storeId: "s", protocol }))).toBe(true)
    }
  )

  it.each([
    ["cut percent encoding", "%E0%A4%A"],
    ["a lone percent sign", "%"],
    ["no UTF-8", "%FF"],
    ["no JSON", "%7B"],
    ["JSON and more", "1 2"],
    ["nothing", ""]
  ])("[HAND-2] a payload of %s fails and is not thrown", (_, payload) => {
    expect(Either.isLeft(decode({ storeId: "s", payload }))).toBe(true)
  })

  it.effect("[CLIENT-11][REFUSE-2] the payload is not in the error about it", () =>
    Effect.gen(function* () {
      for (const payload of ["secret", "%22secret", "secret%"]) {
        const error = yield* Effect.flip(
          Schema.decodeUnknown(Handshake.SearchParams)({ storeId: "s", payload })
        )
        expect(error.message).toContain("payload is not URI-encoded JSON")
        expect(error.message).not.toContain("secret")
      }
    })
  )

  it("[HAND-2] a payload of null is a payload", () => {
    expect(decode({ storeId: "s", payload: "null" })).toStrictEqual(
      Either.right({ ...params, payload: null })
    )
  })
})

describe("closing", () => {
  it.each([
    [1000, false],
    [1006, false],
    [1013, false],
    [4000, false],
    [4399, false],
    [4400, true],
    [4426, true],
    [4499, true],
    [4500, false]
  ])("[CLIENT-6] close code %i is a refusal: %j", (code, refusal) => {
    expect(Handshake.isRefusal(code)).toBe(refusal)
  })

  it("[HAND-5][FRAME-5][PULL-11] the codes are those of the rules", () => {
    expect(Handshake.CloseCode).toStrictEqual({
      normal: 1000,
      invalidFrame: 1007,
      policyViolation: 1008,
      messageTooBig: 1009,
      internalError: 1011,
      serviceRestart: 1012,
      tryAgainLater: 1013,
      badRequest: 4400,
      unauthorized: 4401,
      forbidden: 4403,
      gone: 4410,
      payloadTooLarge: 4413,
      unsupportedProtocol: 4426
    })
    const refusals = Object.entries(Handshake.CloseCode)
      .filter(([, code]) => Handshake.isRefusal(code))
      .map(([name]) => name)
    expect(refusals).toStrictEqual([
      "badRequest",
      "unauthorized",
      "forbidden",
      "gone",
      "payloadTooLarge",
      "unsupportedProtocol"
    ])
  })

  const longText = FastCheck.array(
    FastCheck.oneof(
      FastCheck.constantFrom("a", "é", "€", "😀", "\ufeff", "e\u0301"),
      wellFormedString
    ),
    { maxLength: 130 }
  ).map((parts) => parts.join(""))

  it.prop(
    "[HAND-5] a close reason fits, and is cut between characters, as late as it can be",
    [longText],
    ([reason]) => {
      const cut = Handshake.closeReason(reason)
      expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(123)
      if (Buffer.byteLength(reason) <= 123) {
        expect(cut).toBe(reason)
        return
      }
      expect(cut.endsWith("…")).toBe(true)
      const kept = cut.slice(0, -1)
      expect(reason.startsWith(kept)).toBe(true)
      expect(kept.isWellFormed()).toBe(true)
      const [next = ""] = reason.slice(kept.length)
      expect(next.isWellFormed()).toBe(true)
      expect(Buffer.byteLength(kept + next)).toBeGreaterThan(120)
    },
    seeded
  )

  it.prop(
    "[HAND-5] a close reason fits whatever it is made of, and one does not change the next",
    [FastCheck.array(anyString, { maxLength: 40 }).map((parts) => parts.join(""))],
    ([reason]) => {
      expect(Buffer.byteLength(Handshake.closeReason(reason))).toBeLessThanOrEqual(123)
      expect(Handshake.closeReason("😀".repeat(40))).toBe(`${"😀".repeat(30)}…`)
    },
    seeded
  )

  it("[HAND-5] a byte order mark in a reason is a character like any other", () => {
    expect(Handshake.closeReason(`\ufeff${"a".repeat(124)}`)).toBe(`\ufeff${"a".repeat(117)}…`)
  })

  it("[HAND-5] 123 bytes stay, 124 do not", () => {
    expect(Handshake.closeReason("a".repeat(123))).toBe("a".repeat(123))
    expect(Handshake.closeReason("a".repeat(124))).toBe(`${"a".repeat(120)}…`)
    expect(Handshake.closeReason(`a${"é".repeat(62)}`)).toBe(`a${"é".repeat(59)}…`)
  })
})
