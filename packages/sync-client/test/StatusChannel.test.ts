import { describe, expect, it } from "@effect/vitest"
import { Arbitrary, Effect, Exit, FastCheck as fc, Schema, Scope } from "effect"
import { SyncStatus } from "../src/index.ts"
import { isAnnouncement, isQuestion } from "../src/internal/statusMessages.ts"
import { subscribe } from "../src/Status.ts"
import { answer, makeClient, settle } from "./TestSocket.ts"

/** A message has crossed a BroadcastChannel: that is the platform's own queue, no timer. */
const delivered = Effect.promise(
  () => new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)))
).pipe(Effect.repeatN(3))

describe("StatusChannel", () => {
  it.effect("a page that subscribes hears the present status, and every later one", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const storeId = "status test"
      const { client, server } = yield* makeClient({ storeId, broadcastStatus: true }).pipe(
        Scope.extend(scope)
      )
      const early: Array<string> = []
      const late: Array<string> = []
      const elsewhere: Array<string> = []
      const stops = [
        subscribe(storeId, ({ _tag }) => early.push(_tag)),
        subscribe("another store", ({ _tag }) => elsewhere.push(_tag))
      ]
      yield* delivered
      expect(early).toEqual(["Idle"])
      yield* client.reconnect
      yield* answer(server)
      yield* delivered
      expect(early).toEqual(["Idle", "Connecting", "Online"])

      stops.push(subscribe(storeId, ({ _tag }) => late.push(_tag)))
      yield* delivered
      expect(late).toEqual(["Online"])
      server.latest.hangUp(4403, "no")
      yield* settle
      yield* delivered
      expect(late).toEqual(["Online", "Refused"])
      stops[2]?.()
      yield* Scope.close(scope, Exit.void)
      yield* delivered
      expect(late).toEqual(["Online", "Refused"])
      expect(early.at(-1)).toBe("Closed")
      expect(elsewhere).toEqual([])
      for (const stop of stops) stop()
    })
  )

  it.prop(
    "its messages are told apart from everything else",
    [Arbitrary.make(SyncStatus.SyncStatus), fc.anything()],
    ([status, anything]) => {
      expect(isAnnouncement({ _tag: "Announcement", status })).toBe(true)
      expect(isQuestion({ _tag: "Question" })).toBe(true)
      expect(isQuestion({ _tag: "Announcement", status })).toBe(false)
      expect(isAnnouncement(anything)).toBe(false)
      expect(isAnnouncement({ _tag: "Announcement", status: anything })).toBe(false)
    }
  )

  it.prop(
    "a status survives its way through the channel",
    [Arbitrary.make(SyncStatus.SyncStatus)],
    ([status]) => {
      const copy: unknown = structuredClone(status)
      expect(Schema.is(SyncStatus.SyncStatus)(copy)).toBe(true)
      expect(copy).toEqual(status)
    }
  )
})
