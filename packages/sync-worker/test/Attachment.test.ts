import { serialize } from "node:v8"
import { describe, expect, it } from "@effect/vitest"
import type { Json } from "@tidelog/sync-protocol"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Attachment from "../src/Attachment.ts"
import type { ConnectionState, Session, SubscriptionState } from "../src/Connection.ts"

const seeded = { fastCheck: { seed: 20_260_801, numRuns: 200 } }

const text = FastCheck.oneof(FastCheck.string16bits(), FastCheck.fullUnicodeString())

const json = FastCheck.jsonValue().map((value): Json.Json => JSON.parse(JSON.stringify(value)))

const session: FastCheck.Arbitrary<Session> = FastCheck.record(
  {
    connectionId: text,
    storeId: FastCheck.fullUnicodeString({ minLength: 1, maxLength: 60 }),
    payload: json,
    identity: json,
    headers: FastCheck.dictionary(text, text, { maxKeys: 3 })
  },
  { requiredKeys: ["connectionId", "storeId", "headers"] }
)

const subscription: FastCheck.Arbitrary<SubscriptionState> = FastCheck.record({
  requestId: FastCheck.stringMatching(/^[0-9]{1,32}$/),
  live: FastCheck.boolean(),
  cursor: FastCheck.maxSafeNat(),
  inFlight: FastCheck.nat({ max: 16 }),
  sparing: FastCheck.boolean(),
  started: FastCheck.boolean()
})

const bucket = FastCheck.record({ tokens: FastCheck.nat(), at: FastCheck.nat() })

const state: FastCheck.Arbitrary<ConnectionState> = FastCheck.record(
  {
    subscriptions: FastCheck.array(subscription, { maxLength: 16 }),
    pullBy: FastCheck.maxSafeNat(),
    frames: bucket,
    events: bucket
  },
  { requiredKeys: ["subscriptions"] }
)

/** The most that a subscription can take. */
const LARGEST: SubscriptionState = {
  requestId: "9".repeat(32),
  live: false,
  cursor: Number.MAX_SAFE_INTEGER,
  inFlight: 25,
  sparing: true,
  started: false
}

const ofPayload = (payload: Json.Json): Session => ({
  connectionId: "0123abcd",
  storeId: "store",
  payload,
  headers: {}
})

/** The most that a connection's other state can take. */
const FULL: Omit<ConnectionState, "subscriptions"> = {
  backendId: "f".repeat(64),
  pullBy: 9_999_999_999_999,
  frames: { tokens: 1_000_000_000_000, at: 9_999_999_999_999 },
  events: { tokens: 1_000_000_000_000, at: 9_999_999_999_999 }
}

/** The bytes that the platform counts: it keeps a value in the form that Node writes as well. */
const sizeOf = (value: Session, subscriptions: number) =>
  serialize(
    Attachment.encoder(value)({
      subscriptions: Array.from({ length: subscriptions }, () => LARGEST),
      ...FULL
    })
  ).length

describe("Attachment", () => {
  it.prop(
    "[PULL-9] gives back the session and the state",
    { session, state },
    ({ session, state }) => {
      const decoded = Attachment.decode(Attachment.encoder(session)(state))
      const plain: unknown = JSON.parse(
        JSON.stringify(Either.getOrThrow(decoded), (_, value: unknown) => value)
      )
      expect(plain).toEqual(
        JSON.parse(JSON.stringify({ version: Attachment.VERSION, session, ...state }))
      )
    },
    seeded
  )

  it.prop(
    "[PULL-9] what fits does fit, with all the subscriptions a connection may have",
    {
      filler: FastCheck.constantFrom("x", "é", "ÿ", "日", "🌊", `"`, "\ud800"),
      length: FastCheck.nat({ max: 17_000 }),
      subscriptions: FastCheck.nat({ max: 32 })
    },
    ({ filler, length, subscriptions }) => {
      const session = ofPayload(filler.repeat(length))
      if (Attachment.fits(session, subscriptions)) {
        expect(sizeOf(session, subscriptions)).toBeLessThanOrEqual(Attachment.MAX_BYTES)
      }
    },
    seeded
  )

  it("[HAND-2] a payload of 10,000 bytes fits, whatever it consists of", () => {
    expect(Attachment.fits(ofPayload("x".repeat(10_000 - 2)), 16)).toBe(true)
    expect(Attachment.fits(ofPayload(`${"x".repeat(9_990)}✓`), 16)).toBe(true)
    expect(Attachment.fits(ofPayload("日".repeat(3_332)), 16)).toBe(true)
    expect(Attachment.fits(ofPayload("é".repeat(4_999)), 16)).toBe(true)
  })

  it("[HAND-2] what is left over is not wasted", () => {
    const largest = (filler: string) => {
      let length = 0
      while (Attachment.fits(ofPayload(filler.repeat(length + 1)), 16)) length++
      return sizeOf(ofPayload(filler.repeat(length)), 16)
    }
    expect(largest("x".repeat(100))).toBeGreaterThan(Attachment.MAX_BYTES - 500)
    expect(largest("日".repeat(100))).toBeGreaterThan(Attachment.MAX_BYTES - 800)
  })

  it.each([1, 2])("[PULL-9] what version %i left is read", (version) => {
    const session = { connectionId: "c", storeId: "store", identity: { user: "ann" }, headers: {} }
    const text = JSON.stringify({ version, session, subscriptions: [["7", 41, 2, true, true]] })
    const { subscriptions, ...rest } = Either.getOrThrow(
      Attachment.decode(new TextEncoder().encode(text))
    )
    expect(rest).toEqual({ version, session })
    expect(subscriptions).toEqual([
      { requestId: "7", cursor: 41, inFlight: 2, live: true, started: true, sparing: false }
    ])
  })

  it("[PULL-9] another version, or anything else, is not read", () => {
    const bytes = Attachment.encoder(ofPayload({ token: "t" }))({ subscriptions: [LARGEST] })
    expect(Either.isRight(Attachment.decode(bytes))).toBe(true)
    const good = new TextDecoder().decode(bytes)
    expect(Either.isRight(Attachment.decode(new TextEncoder().encode(good)))).toBe(true)
    for (const bad of [
      good.replace(`"version":3`, `"version":4`),
      good.replace(`"version":3,`, ""),
      good.replace(`"subscriptions":[[`, `"subscriptions":[[7,`),
      good.replace(`"storeId":"store"`, `"storeId":""`),
      good.slice(0, -1),
      "",
      "null"
    ]) {
      const encoded = new TextEncoder().encode(bad)
      expect(Either.isLeft(Attachment.decode(encoded)), bad).toBe(true)
    }
    for (const bad of [good, null, undefined, { version: 1 }, 42]) {
      expect(Either.isLeft(Attachment.decode(bad)), JSON.stringify(bad)).toBe(true)
    }
  })
})
