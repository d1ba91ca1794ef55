/** Copies between the real servers, over the wire alone: LiveStore's official one from npm, and this project's. */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import * as Socket from "@effect/platform/Socket"
import { expect, layer } from "@effect/vitest"
import * as UpgradeProxy from "@tidelog/e2e/src/UpgradeProxy.ts"
import type { LogEvent } from "@tidelog/sync-protocol"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { type Server, Servers, type ServerName } from "./support/servers.ts"
import * as TestServers from "./support/servers.ts"
import { copyStore, events, fill, followed, grown, readAll, type Store } from "./support/stores.ts"

const store = (on: ServerName, storeId: string, payload?: unknown): Store => ({
  on,
  storeId,
  payload
})

const servers = TestServers.layer.pipe(Layer.provideMerge(Logger.remove(Logger.defaultLogger)))

/** Arguments that are easily spoilt on their way. */
const odd: ReadonlyArray<unknown> = [
  null,
  0,
  "",
  [],
  {},
  -1.5e-300,
  2 ** 53,
  'Größe 🌊 \u0000 \u2028 "\\/',
  "\ud83c alone, and \udf0a",
  { "2": "two", "1": "one", z: { b: [null, { y: 1, x: [] }], a: true } },
  JSON.parse('{"__proto__":{"constructor":1},"toString":"text"}'),
  [[[[[["deep"]]]]]]
]

const oddEvents = (count: number, absent: boolean) =>
  events(0, count, (seqNum) => {
    if (absent && seqNum % 13 === 0) return { args: undefined }
    return {
      name: `v1.Größe${seqNum % 3}🌊`,
      args: odd[seqNum % odd.length],
      clientId: `client ${seqNum % 5}`,
      sessionId: `сессия-${seqNum % 7}`
    }
  }).map(({ args, ...event }) => (args === undefined ? event : { ...event, args }))

/** Each key is there, or not, as it was. */
const expectSame = (
  copies: ReadonlyArray<LogEvent.LogEvent>,
  expected: ReadonlyArray<LogEvent.LogEvent>
) => expect(copies).toStrictEqual(expected)

layer(servers, { excludeTestServices: true, timeout: "90 seconds" })("copy", (it) => {
  it.effect(
    "[COPY-1, COPY-4] the official server's store comes to ours, each event as it was",
    () =>
      Effect.gen(function* () {
        const from = store("official", "odd")
        const to = store("second", "odd")
        const first = oddEvents(1_000, false)
        const large = events(1_000, 1_030, () => ({ args: { text: "ß".repeat(60_000) } }))
        yield* fill(from, first)
        for (let at = 0; at < 30; at += 5) yield* fill(from, large.slice(at, at + 5))
        const summary = yield* copyStore(from, to)
        expect(summary).toMatchObject({
          events: 1_030,
          copied: 1_030,
          head: 1_030,
          destinationKind: "tidelog"
        })
        expect(summary.sourceBackendId).not.toBe(summary.destinationBackendId)
        expectSame(yield* readAll(to), [...first, ...large])
      })
  )

  it.effect("[COPY-4, COPY-8] a log that is no chain comes as far as it is one, unverified", () =>
    Effect.gen(function* () {
      for (const [storeId, last] of [
        ["gap", 2],
        ["late gap", 250]
      ] as const) {
        const from = store("official", storeId)
        const to = store("second", storeId)
        // The official server looks at the first event of a push only.
        yield* fill(from, events(0, last - (last % 100)))
        const batch = [...events(last - (last % 100), last), ...events(last + 1, last + 9)]
        yield* fill(from, batch)
        yield* fill(from, events(last + 9, last + 400))
        for (let time = 0; time < 2; time++) {
          expect(yield* Effect.flip(copyStore(from, to))).toMatchObject({
            _tag: "RequestRefused",
            side: "source",
            reason: `the log has no event that follows ${last}`
          })
        }
        expectSame(yield* readAll(to), events(0, last))
      }
    })
  )

  it.effect("[COPY-10] what takes no WebSockets is copied over HTTP, from there and to there", () =>
    Effect.gen(function* () {
      const servers = yield* Servers
      const all = events(0, 1_200)
      yield* fill(store("official", "by-http"), all)
      const behind = (name: ServerName) =>
        Effect.gen(function* () {
          const proxy = yield* UpgradeProxy.make(Number(new URL(servers[name].url).port))
          proxy.setUpgrades("refuse")
          return { ...servers[name], url: `ws://127.0.0.1:${proxy.port}` }
        })
      const summary = yield* copyStore(
        store("official", "by-http"),
        store("tidelog", "by-http")
      ).pipe(
        Effect.provideService(Servers, {
          ...servers,
          official: yield* behind("official"),
          tidelog: yield* behind("tidelog")
        })
      )
      expect(summary).toMatchObject({ events: 1_200, copied: 1_200, destinationKind: "other" })
      expectSame(yield* readAll(store("tidelog", "by-http")), all)
    }).pipe(Effect.scoped)
  )

  it.effect("[COPY-1, COPY-6] ours comes to ours, over its limits, absent arguments absent", () =>
    Effect.gen(function* () {
      const from = store("tidelog", "ours ✓")
      const to = store("second", "another id")
      const all = [
        ...oddEvents(1_500, true),
        ...events(1_500, 1_504, () => ({ args: "🌊".repeat(430_000) })),
        // Larger steps than one, as other writers take.
        { ...events(1_504, 1_505)[0], seqNum: 20_000 },
        { ...events(20_000, 20_001)[0] }
      ] as ReadonlyArray<LogEvent.LogEvent>
      yield* fill(from, all)
      const summary = yield* copyStore(from, to)
      expect(summary).toMatchObject({ events: 1_506, copied: 1_506, head: 20_001 })
      expectSame(yield* readAll(to), all)

      // Once more: nothing is left to do, and all is compared.
      const again = yield* copyStore(from, to)
      expect(again).toMatchObject({ events: 1_506, copied: 0, bytes: 0, digest: summary.digest })
    })
  )

  it.effect("[COPY-4] 10,000 events are copied and verified in well under a minute", () =>
    Effect.gen(function* () {
      yield* fill(store("tidelog", "long"), events(0, 10_000))
      const summary = yield* copyStore(store("tidelog", "long"), store("tidelog", "long_copy"))
      expect(summary).toMatchObject({ events: 10_000, copied: 10_000 })
      expect(summary.durationMs).toBeLessThan(60_000)
    })
  )

  it.effect("[COPY-7] ours comes to the official server as far as that keeps it", () =>
    Effect.gen(function* () {
      const from = store("tidelog", "to_official")
      const to = store("official", "to_official")
      const all = oddEvents(250, true)
      yield* fill(from, all)
      const refused = yield* Effect.flip(copyStore(from, to))
      expect(refused).toMatchObject({ _tag: "EventNotAccepted", seqNum: 13 })
      expect(yield* readAll(to)).toEqual([])

      const summary = yield* copyStore(from, to, { nullForAbsentArgs: true })
      expect(summary).toMatchObject({ events: 250, copied: 250, destinationKind: "other" })
      expectSame(
        yield* readAll(to),
        all.map((event) => ({ ...event, args: "args" in event ? event.args : null }))
      )

      // The official server would store it, and fail at it from then on.
      yield* fill(
        from,
        events(250, 251, () => ({ args: "x".repeat(900_000) }))
      )
      const large = yield* Effect.flip(copyStore(from, to, { nullForAbsentArgs: true }))
      expect(large).toMatchObject({ _tag: "EventNotAccepted", seqNum: 251 })
      expect(yield* readAll(to)).toHaveLength(250)
    })
  )

  it.effect("[COPY-2] a destination with another event is refused, and left as it is", () =>
    Effect.gen(function* () {
      const from = store("tidelog", "differs")
      yield* fill(from, events(0, 300))
      for (const [index, change] of [
        { name: "v1.TodoDeleted" },
        { args: { id: 250, text: "Buy bread, milk and a dozen pears" } },
        { clientId: "another" },
        { sessionId: "another" }
      ].entries()) {
        const to = store("second", `differs_${index}`)
        const there = events(0, 260, (seqNum) => (seqNum === 250 ? change : {}))
        yield* fill(to, there)
        const error = yield* Effect.flip(copyStore(from, to))
        expect(error).toMatchObject({ _tag: "DestinationDiffers", seqNum: 250 })
        expect(error.message).toContain(Object.keys(change)[0])
        expectSame(yield* readAll(to), there)
      }
      const error = yield* Effect.flip(copyStore(from, store("second", "differs_1")))
      expect(error.message).toContain("apples")
      expect(error.message).toContain("pears")
    })
  )

  it.effect("[COPY-2] so is one that goes beyond the source", () =>
    Effect.gen(function* () {
      const from = store("official", "shorter")
      const to = store("second", "longer")
      yield* fill(from, events(0, 150))
      yield* fill(to, events(0, 151))
      const error = yield* Effect.flip(copyStore(from, to))
      expect(error).toMatchObject({ _tag: "DestinationDiffers", seqNum: 151 })
      expect(yield* readAll(to)).toHaveLength(151)
    })
  )

  it.effect("[COPY-8] a source without events is told", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        copyStore(store("official", "nobody"), store("second", "nobody"))
      )
      expect(error).toMatchObject({ _tag: "SourceEmpty", storeId: "nobody" })
    })
  )

  it.effect("[COPY-8] so is a refused connection, of either side, and a rule of the app's", () =>
    Effect.gen(function* () {
      const open = store("tidelog", "refused")
      yield* fill(
        open,
        events(0, 150, (seqNum) => (seqNum === 120 ? { name: "v1.Forbidden" } : {}))
      )
      const closed = store("second", "secret_1")
      const destination = yield* Effect.flip(copyStore(open, closed))
      expect(destination).toMatchObject({ _tag: "Refused", side: "destination", code: 4401 })
      const source = yield* Effect.flip(copyStore(closed, open))
      expect(source).toMatchObject({ _tag: "Refused", side: "source", reason: "please sign in" })

      const let_in = store("second", "secret_1", { token: "open sesame" })
      const rule = yield* Effect.flip(copyStore(open, let_in))
      expect(rule).toMatchObject({ _tag: "EventNotAccepted", seqNum: 120 })
      expect(rule.message).toContain("not this one")
      expect(yield* readAll(let_in)).toHaveLength(119)
    })
  )

  it.effect("[COPY-5] what comes to the source meanwhile is copied and verified too", () =>
    Effect.gen(function* () {
      const from = store("official", "grows")
      const to = store("second", "grows")
      yield* fill(from, events(0, 500))
      const context = yield* Effect.context<Servers>()
      let head = 500
      const grow = Effect.suspend(() => {
        head += 130
        return fill(from, events(head - 130, head))
      }).pipe(Effect.provide(context), Effect.orDie)
      const seen = new Set<string>()
      const summary = yield* copyStore(from, to, {
        // Once while it is copied, and once while it is verified.
        onProgress: ({ phase }) => {
          if (seen.has(phase)) return Effect.void
          seen.add(phase)
          return grow
        }
      })
      expect([...seen]).toEqual(["copying", "verifying"])
      expect(summary).toMatchObject({ events: 760, copied: 760, head: 760 })
      expectSame(yield* readAll(to), events(0, 760))
    })
  )

  it.effect("[COPY-5] a copy that follows goes on, over restarts, until it is told to stop", () =>
    Effect.gen(function* () {
      const from = store("official", "followed")
      const to = store("second", "followed")
      yield* fill(from, events(0, 300))
      const stop = yield* Deferred.make<void>()
      const copying = yield* followed(from, to, Deferred.await(stop))
      yield* fill(from, events(300, 450))
      yield* grown(to, 450)
      const { official, second } = yield* Servers
      yield* Effect.all([official.restart, second.restart], { concurrency: 2 })
      yield* fill(from, events(450, 600))
      yield* grown(to, 600)
      yield* Deferred.succeed(stop, undefined)
      const summary = yield* Fiber.join(copying)
      expect(summary).toMatchObject({ events: 600, copied: 600, head: 600 })
      expectSame(yield* readAll(to), events(0, 600))
    })
  )

  it.effect("[COPY-2] one that follows ends when somebody else writes to the destination", () =>
    Effect.gen(function* () {
      const from = store("tidelog", "contested")
      const to = store("second", "contested")
      yield* fill(from, events(0, 10))
      const copying = yield* followed(from, to)
      yield* fill(
        to,
        events(10, 11, () => ({ clientId: "somebody else" }))
      )
      yield* fill(from, events(10, 12))
      const error = yield* Effect.flip(Fiber.join(copying))
      expect(error).toMatchObject({ _tag: "DestinationDiffers", seqNum: 11 })
    })
  )

  it.effect(
    "[COPY-3] told to stop in the middle, it goes on from there when it is started again",
    () =>
      Effect.gen(function* () {
        const from = store("tidelog", "stopped")
        const to = store("second", "stopped")
        yield* fill(from, events(0, 700))
        const stop = yield* Deferred.make<void>()
        const error = yield* Effect.flip(
          copyStore(from, to, {
            until: Deferred.await(stop),
            onProgress: ({ done, phase }) =>
              phase === "copying" && done >= 400
                ? Effect.zipRight(Deferred.succeed(stop, undefined), Effect.never)
                : Effect.void
          })
        )
        expect(error).toMatchObject({ _tag: "Stopped", copied: 400 })
        expect(yield* readAll(to)).toHaveLength(400)
        const summary = yield* copyStore(from, to)
        expect(summary).toMatchObject({ events: 700, copied: 300 })
        expectSame(yield* readAll(to), events(0, 700))
      })
  )

  it.effect("[COPY-3] either server is started again in the middle", () =>
    Effect.gen(function* () {
      const { official, second } = yield* Servers
      const from = store("official", "restarted")
      const to = store("second", "restarted")
      yield* fill(from, events(0, 2_000))
      const seen = new Set<string>()
      // What is asked next meets a server that is going down.
      const restart = (what: string, server: Server) => {
        if (seen.has(what)) return Effect.void
        seen.add(what)
        return Effect.asVoid(Effect.forkDaemon(Effect.orDie(server.restart)))
      }
      const summary = yield* copyStore(from, to, {
        onProgress: ({ done, phase }) => {
          if (phase !== "copying" || done < 300) return Effect.void
          return done < 1_000 ? restart("destination", second) : restart("source", official)
        }
      })
      expect([...seen]).toEqual(["destination", "source"])
      expect(summary).toMatchObject({ events: 2_000, head: 2_000 })
      expectSame(yield* readAll(to), events(0, 2_000))
    })
  )

  for (const to of [store("official", "lost"), store("second", "lost")]) {
    it.effect(`[COPY-6] an answer that is lost is no second push, to the ${to.on} server`, () =>
      Effect.gen(function* () {
        const from = store("tidelog", "lost")
        yield* fill({ ...from, storeId: `lost_${to.on}` }, events(0, 350))
        // The network takes the second push to the server, and breaks before the answer.
        let pushes = 0
        const cutting = Layer.succeed(Socket.WebSocketConstructor, (url, protocols) => {
          const socket = new WebSocket(url, protocols)
          const send = socket.send.bind(socket)
          socket.send = (data) => {
            if (typeof data === "string" && data.includes("SyncWsRpc.Push")) {
              pushes += 1
              if (pushes === 2) {
                socket.addEventListener(
                  "message",
                  (event) => event.stopImmediatePropagation(),
                  true
                )
                send(data)
                socket.close()
                return
              }
            }
            send(data)
          }
          return socket
        })
        const summary = yield* copyStore({ ...from, storeId: `lost_${to.on}` }, to, {
          webSocket: cutting
        })
        expect(pushes).toBeGreaterThan(4)
        expect(summary).toMatchObject({ events: 350, head: 350 })
        expectSame(yield* readAll(to), events(0, 350))
      })
    )
  }

  it.effect("[COPY-9] what it holds does not grow with the store", () =>
    Effect.gen(function* () {
      const from = store("tidelog", "heavy")
      const to = store("tidelog", "heavy-copy")
      const args = "x".repeat(100_000)
      for (let seqNum = 0; seqNum < 300; seqNum += 100) {
        yield* fill(
          from,
          events(seqNum, seqNum + 100, () => ({ args }))
        )
      }
      setFlagsFromString("--expose-gc")
      const collect: unknown = runInNewContext("gc")
      let reports = 0
      let first = 0
      let most = 0
      const summary = yield* copyStore(from, to, {
        onProgress: () =>
          Effect.sync(() => {
            // Each tenth will do: a collection takes its time.
            if (reports++ % 10 > 0 || typeof collect !== "function") return
            collect()
            const { heapUsed } = process.memoryUsage()
            if (first === 0) first = heapUsed
            most = Math.max(most, heapUsed)
          })
      })
      expect(summary).toMatchObject({ events: 300, copied: 300 })
      expect(reports).toBeGreaterThan(30)
      // The log has 30 MB.
      expect(most - first).toBeLessThan(15_000_000)
    })
  )
})
