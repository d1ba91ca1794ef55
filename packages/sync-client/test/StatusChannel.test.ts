import { describe, expect, it, vi } from "@effect/vitest"
import { Arbitrary, Effect, Exit, FastCheck as fc, Schema, Scope } from "effect"
import { SyncStatus } from "../src/index.ts"
import { isAnnouncement, isQuestion } from "../src/internal/statusMessages.ts"
import { subscribe } from "../src/Status.ts"
import { advance, answer, makeClient, settle } from "./TestSocket.ts"

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

  it.effect("[CLIENT-15] what a page notices cuts a wait short, and asks a connection", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const storeId = "nudged"
      const page = Object.assign(new EventTarget(), { visibilityState: "hidden" })
      const window = new EventTarget()
      vi.stubGlobal("document", page)
      vi.stubGlobal("addEventListener", window.addEventListener.bind(window))
      vi.stubGlobal("removeEventListener", window.removeEventListener.bind(window))
      const { client, server } = yield* makeClient({ storeId, broadcastStatus: true }).pipe(
        Scope.extend(scope)
      )
      const stop = subscribe(storeId, () => {})
      /** Something happens on the page, and reaches the client. */
      const happens = (target: EventTarget, type: string, more: object = {}) =>
        Effect.zipRight(
          Effect.sync(() => target.dispatchEvent(Object.assign(new Event(type), more))),
          Effect.zipRight(delivered, settle)
        )
      const show = (visibilityState: string) =>
        Effect.suspend(() => {
          page.visibilityState = visibilityState
          return happens(page, "visibilitychange")
        })

      // Nobody needs the client yet.
      yield* happens(window, "online")
      expect(server.sockets).toHaveLength(0)

      yield* client.reconnect
      yield* settle
      for (const event of [
        happens(window, "online"),
        show("visible"),
        happens(window, "pageshow", { persisted: true })
      ]) {
        const { length } = server.sockets
        server.latest.hangUp()
        yield* settle
        // The first wait is nothing, or next to it.
        yield* advance("250 millis")
        server.latest.hangUp()
        yield* settle
        expect((yield* client.status.get)._tag).toBe("Waiting")
        const waiting = server.sockets.length
        expect(waiting).toBeGreaterThanOrEqual(length)
        yield* show("hidden")
        yield* happens(window, "pageshow", { persisted: false })
        expect(server.sockets).toHaveLength(waiting)
        yield* event
        expect(server.sockets).toHaveLength(waiting + 1)
      }

      const socket = yield* answer(server)
      const { pings } = socket
      yield* happens(window, "online")
      expect(socket.pings).toBe(pings + 1)

      // A refusal is not the network's.
      socket.hangUp(4403, "no")
      yield* settle
      const refused = server.sockets.length
      yield* happens(window, "online")
      expect(server.sockets).toHaveLength(refused)

      stop()
      yield* client.reconnect
      const last = yield* answer(server)
      const before = last.pings
      yield* happens(window, "online")
      expect(last.pings).toBe(before)
      yield* Scope.close(scope, Exit.void)
    }).pipe(Effect.ensuring(Effect.sync(() => vi.unstubAllGlobals())))
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
