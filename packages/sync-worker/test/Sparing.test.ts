import { describe, expect } from "@effect/vitest"
import { Sparing } from "@tidelog/sync-protocol"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import { SyncServer } from "../src/SyncServer.ts"
import * as Frames from "./support/frames.ts"
import { events, range } from "./support/frames.ts"
import { connect } from "./support/TestConnection.ts"
import type { TestConnection } from "./support/TestConnection.ts"
import { testServer } from "./support/TestServer.ts"

/** What the server said of itself with each chunk of a pull. */
const greetings = (reader: TestConnection) =>
  reader.frames.map((frame) => (frame._tag === "Chunk" ? frame.server : undefined))

const pushEach = (pusher: TestConnection, from: number, to: number) =>
  Effect.forEach(range(from, to), (seqNum) =>
    pusher.say(Frames.push(String(seqNum), events(seqNum)))
  )

describe("a sparing reader", () => {
  testServer(
    "[PULL-14] is told so with the first chunk of its pull, and nobody else is",
    Effect.gen(function* () {
      const pusher = yield* connect()
      const sparing = yield* connect()
      const other = yield* connect()
      yield* sparing.say(Frames.pull("1", { sparing: true }))
      yield* other.say(Frames.pull("1"))
      yield* pushEach(pusher, 1, 2)
      expect(greetings(sparing)).toEqual([{ sparingAcks: true }, undefined, undefined])
      expect(other.texts.join()).not.toContain("server")
    })
  )

  testServer(
    "[PULL-14] learns when its authorisation ends, from then on",
    Effect.gen(function* () {
      yield* TestClock.adjust("1 hour")
      const expiresAt = (yield* Clock.currentTimeMillis) + 60_000
      const reader = yield* connect([], { expiresAt })
      yield* TestClock.adjust("10 seconds")
      yield* reader.say(Frames.pull("1", { sparing: true }))
      expect(greetings(reader)).toEqual([{ sparingAcks: true, expiresIn: 50_000 }])
      yield* reader.say(Frames.pull("2"))
      expect(greetings(reader)).toHaveLength(2)
      expect(greetings(reader)[1]).toBeUndefined()
    })
  )

  testServer(
    "[PULL-14] takes several chunks off its window at once",
    Effect.gen(function* () {
      const pusher = yield* connect()
      const reader = yield* connect()
      yield* reader.say(Frames.pull("1", { sparing: true }))
      const window = 16 + Sparing.MAX_OWED
      yield* pushEach(pusher, 1, 40)
      expect(reader.pages("1")).toHaveLength(window)
      yield* reader.say(Frames.ack("1", 10))
      // What is left goes into one.
      expect(reader.pages("1")).toHaveLength(window + 1)
      expect(reader.seqNums("1")).toEqual(range(1, 40))
      expect(reader.saved).toMatchObject([{ inFlight: window - 10 + 1 }])
      yield* reader.say(Frames.ack("1", 1_000))
      expect(reader.saved).toMatchObject([{ inFlight: 0 }])
    })
  )

  testServer(
    "[PULL-14] that owes nine events is sent what it is behind on all the same",
    Effect.gen(function* () {
      const pusher = yield* connect()
      const reader = yield* connect()
      yield* reader.say(Frames.pull("1", { sparing: true }))
      yield* reader.say(Frames.ack("1"))
      yield* pushEach(pusher, 1, Sparing.MAX_OWED)
      expect(reader.saved).toMatchObject([{ inFlight: Sparing.MAX_OWED, sparing: true }])
      // More than what is near the head, and not the latest push alone: it catches up.
      reader.onSend = () => {}
      yield* pusher.say(Frames.push("100", events(10, 160)))
      yield* pusher.say(Frames.push("101", events(161, 320)))
      yield* reader.say(Frames.ack("1"))
      expect(reader.seqNums("1")).toEqual(range(1, 320))
    }),
    { limits: { maxChunksInFlight: 2, maxPageEvents: 400 } }
  )

  testServer(
    "[PULL-14][PULL-9] is remembered as such",
    Effect.gen(function* () {
      const pusher = yield* connect()
      const reader = yield* connect()
      yield* reader.say(Frames.pull("1", { sparing: true }))
      yield* pushEach(pusher, 1, 20)
      const server = yield* SyncServer
      yield* server.disconnect(reader)
      const woken = yield* connect(reader.saved)
      yield* pushEach(pusher, 21, 40)
      const sent = 1 + 20
      expect(woken.pages("1")).toHaveLength(16 + Sparing.MAX_OWED - sent)
      expect(greetings(woken).filter((greeting) => greeting !== undefined)).toEqual([])
    })
  )
})
