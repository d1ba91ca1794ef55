import { describe, expect, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import { Limits } from "../src/index.ts"

const configured = (entries: Record<string, string>) =>
  Effect.provide(
    Limits.Limits,
    Limits.layerConfig.pipe(
      Layer.provide(
        Layer.setConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(entries))))
      )
    )
  )

describe("Limits", () => {
  it("takes what differs from the defaults, and nothing that is no limit", () => {
    expect(Limits.from()).toEqual(Limits.defaults)
    expect(Limits.from({ maxSockets: 3, maxBatchEvents: undefined })).toEqual({
      ...Limits.defaults,
      maxSockets: 3
    })
    expect(Limits.from({ maxSubscriptions: 64 }).maxSubscriptions).toBe(64)
    for (const value of [65, Infinity]) {
      expect(() => Limits.from({ maxSubscriptions: value })).toThrow("at most 64")
    }
    expect(Limits.from({ framesPerSecond: Infinity }).framesPerSecond).toBe(Infinity)
    for (const value of [0, -1, 0.5, Number.NaN, -Infinity, 2 ** 53, Number("many")]) {
      expect(() => Limits.from({ maxPageEvents: value })).toThrow(
        `limits.maxPageEvents has to be a positive integer, and is ${value}`
      )
      expect(() => Limits.layer({ pullDeadline: value })).toThrow(RangeError)
    }
  })

  it("[FRAME-5][HAND-2][PULL-5][PULL-8][REFUSE-3][LIMIT-5][LIMIT-7][LIMIT-8][LIMIT-9][PULL-13] the defaults are those of the rules", () => {
    expect(Limits.defaults).toMatchObject({
      maxFrameBytes: 2 * 1024 * 1024,
      maxEventBytes: 1_800_000,
      maxBatchEvents: 1_000,
      maxStoreIdLength: 256,
      maxPayloadBytes: 10_000,
      maxSubscriptions: 16,
      maxChunksInFlight: 16,
      catchUpBytesPerSecond: 500_000,
      maxSockets: 10_000,
      frameBurst: 10_000,
      framesPerSecond: 200,
      eventBurst: 100_000,
      eventsPerSecond: 1_000,
      pullDeadline: 60_000
    })
  })

  it.effect("layer: the defaults, with some of them changed", () =>
    Effect.gen(function* () {
      expect(yield* Limits.Limits).toStrictEqual(Limits.defaults)
      expect(yield* Effect.provide(Limits.Limits, Limits.layer())).toStrictEqual(Limits.defaults)
      expect(
        yield* Effect.provide(Limits.Limits, Limits.layer({ maxBatchEvents: 7, maxPageBytes: 8 }))
      ).toStrictEqual({ ...Limits.defaults, maxBatchEvents: 7, maxPageBytes: 8 })
    })
  )

  it.effect("layerConfig: the defaults where nothing is set", () =>
    Effect.gen(function* () {
      expect(yield* configured({})).toStrictEqual(Limits.defaults)
      expect(yield* configured({ TIDELOG_MAX_FRAME_BYTES: "65536" })).toStrictEqual({
        ...Limits.defaults,
        maxFrameBytes: 65_536
      })
    })
  )

  it.effect("layerConfig: every limit has its own name", () =>
    Effect.gen(function* () {
      const limits = yield* configured({
        TIDELOG_MAX_FRAME_BYTES: "1",
        TIDELOG_MAX_EVENT_BYTES: "2",
        TIDELOG_MAX_BATCH_EVENTS: "3",
        TIDELOG_MAX_PAGE_EVENTS: "4",
        TIDELOG_MAX_PAGE_BYTES: "5",
        TIDELOG_MAX_STORE_ID_LENGTH: "6",
        TIDELOG_MAX_PAYLOAD_BYTES: "7",
        TIDELOG_MAX_SUBSCRIPTIONS: "8",
        TIDELOG_MAX_CHUNKS_IN_FLIGHT: "9",
        TIDELOG_MAX_SOCKETS: "10",
        TIDELOG_FRAMES_PER_SECOND: "11",
        TIDELOG_FRAME_BURST: "12",
        TIDELOG_EVENTS_PER_SECOND: "13",
        TIDELOG_EVENT_BURST: "14",
        TIDELOG_PULL_DEADLINE: "15",
        TIDELOG_CATCH_UP_BYTES_PER_SECOND: "16"
      })
      expect(limits).toStrictEqual({
        maxFrameBytes: 1,
        maxEventBytes: 2,
        maxBatchEvents: 3,
        maxPageEvents: 4,
        maxPageBytes: 5,
        maxStoreIdLength: 6,
        maxPayloadBytes: 7,
        maxSubscriptions: 8,
        maxChunksInFlight: 9,
        maxSockets: 10,
        framesPerSecond: 11,
        frameBurst: 12,
        eventsPerSecond: 13,
        eventBurst: 14,
        pullDeadline: 15,
        catchUpBytesPerSecond: 16
      })
    })
  )

  it.effect.each(["0", "-1", "1.5", "many", ""])("layerConfig: %j is no limit", (value) =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(configured({ TIDELOG_MAX_BATCH_EVENTS: value }))
      expect(Exit.isFailure(exit)).toBe(true)
    })
  )
})
