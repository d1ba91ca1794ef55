import { describe, expect, it, vi } from "@effect/vitest"
import { Arbitrary, Effect, Exit, Schema, Scope } from "effect"
import { SyncStatus } from "../src/index.ts"
import { latest, listen } from "../src/internal/sharedStatus.ts"
import { channelName } from "../src/internal/statusMessages.ts"
import { reconnect, subscribe } from "../src/Status.ts"
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
      /** What is only counted is told in between. */
      const states = (told: ReadonlyArray<string>) =>
        told.filter((state, index) => state !== told[index - 1])
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
      expect(states(early)).toEqual(["Idle", "Connecting", "Online"])

      stops.push(subscribe(storeId, ({ _tag }) => late.push(_tag)))
      yield* delivered
      expect(states(late)).toEqual(["Online"])
      server.latest.hangUp(4403, "no")
      yield* settle
      yield* delivered
      expect(states(late)).toEqual(["Online", "Refused"])
      stops[2]?.()
      yield* Scope.close(scope, Exit.void)
      yield* delivered
      expect(states(late)).toEqual(["Online", "Refused"])
      expect(early.at(-1)).toBe("Closed")
      expect(elsewhere).toEqual([])
      for (const stop of stops) stop()
    })
  )

  it.scoped("all who listen to a store share one channel, and the last one closes it", () =>
    Effect.gen(function* () {
      let opened = 0
      let closed = 0
      vi.stubGlobal(
        "BroadcastChannel",
        class extends BroadcastChannel {
          constructor(name: string) {
            super(name)
            opened += 1
          }
          override close() {
            closed += 1
            super.close()
          }
        }
      )
      yield* Effect.addFinalizer(() => Effect.sync(() => vi.unstubAllGlobals()))
      const storeId = "shared"
      const { client, server } = yield* makeClient({ storeId, broadcastStatus: true })
      opened = 0
      const told: Array<string> = []
      const onChange = () => told.push(latest(storeId)?._tag ?? "none")
      expect(latest(storeId)).toBeUndefined()
      const stops = [listen(storeId, onChange), listen(storeId, onChange)]
      yield* delivered
      expect(told).toEqual(["Idle", "Idle"])
      // One that comes later has it at once, and always the same.
      expect(latest(storeId)).toMatchObject({ _tag: "Idle" })
      expect(latest(storeId)).toBe(latest(storeId))
      expect(opened).toBe(1)

      stops[0]?.()
      stops[0]?.()
      yield* client.reconnect
      yield* answer(server)
      yield* delivered
      expect(told).toContain("Online")
      expect(closed).toBe(0)
      stops[1]?.()
      expect(closed).toBe(1)
      expect(latest(storeId)).toBeUndefined()

      // Whoever comes after all have gone begins anew.
      const stop = listen(storeId, onChange)
      yield* delivered
      expect([opened, latest(storeId)?._tag]).toEqual([2, "Online"])
      stop()
      expect(closed).toBe(2)
    })
  )

  it.scoped(
    "[CLIENT-27] where a channel cannot be made, the client works, and no page breaks",
    () =>
      Effect.gen(function* () {
        // As in a sandboxed frame, or where cookies are blocked.
        vi.stubGlobal("BroadcastChannel", function BroadcastChannel() {
          throw new DOMException("The operation is insecure.", "SecurityError")
        })
        yield* Effect.addFinalizer(() => Effect.sync(() => vi.unstubAllGlobals()))
        subscribe("insecure", () => {})()
        reconnect("insecure")
        const { client, server } = yield* makeClient({ storeId: "insecure", broadcastStatus: true })
        yield* client.reconnect
        yield* answer(server)
        expect(yield* client.status.get).toMatchObject({ _tag: "Online" })
      })
  )

  it.effect("[CLIENT-15] what a page notices cuts a wait short, and asks a connection", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const storeId = "nudged"
      const page = Object.assign(new EventTarget(), { visibilityState: "hidden" })
      const window = new EventTarget()
      // The client is in a worker, where there is nothing of this.
      const { client, server } = yield* makeClient({ storeId, broadcastStatus: true }).pipe(
        Scope.extend(scope)
      )
      vi.stubGlobal("document", page)
      vi.stubGlobal("addEventListener", window.addEventListener.bind(window))
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

  it.effect("what is none of its messages is ignored, at both ends", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const storeId = "noise"
      const seen: Array<unknown> = []
      const stop = subscribe(storeId, (status) => seen.push(status))
      const { client } = yield* makeClient({ storeId, broadcastStatus: true }).pipe(
        Scope.extend(scope)
      )
      yield* delivered
      const before = seen.length
      const other = new BroadcastChannel(channelName(storeId))
      for (const message of [null, undefined, 7, "Question", [], {}, { _tag: "Else" }]) {
        // oxlint-disable-next-line unicorn/require-post-message-target-origin
        other.postMessage(message)
      }
      yield* delivered
      expect(seen).toHaveLength(before)
      expect((yield* client.status.get)._tag).toBe("Idle")
      other.close()
      stop()
      yield* Scope.close(scope, Exit.void)
    })
  )

  it.effect("[CLIENT-6] a page can have a refused client connect again", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const storeId = "refused"
      const { client, server } = yield* makeClient({ storeId, broadcastStatus: true }).pipe(
        Scope.extend(scope)
      )
      yield* client.reconnect
      yield* settle
      server.latest.hangUp(4401, "who are you?")
      yield* settle
      reconnect("another store")
      yield* delivered
      yield* settle
      expect(server.sockets).toHaveLength(1)
      reconnect(storeId)
      yield* delivered
      yield* advance("1 second")
      yield* answer(server)
      expect(server.sockets).toHaveLength(2)
      expect(yield* client.status.get).toMatchObject({ _tag: "Online" })
      yield* Scope.close(scope, Exit.void)
    })
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
