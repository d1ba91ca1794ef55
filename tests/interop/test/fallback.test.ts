/**
 * Our client where WebSockets are blocked, on our server: behind a proxy that refuses them, drops them, or lets
 * nothing through. It works over HTTP, and goes back when it can.
 */
import { NodeContext } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import { type BenchServer, start } from "@tidelog/benchmarks/src/BenchServer.ts"
import * as UpgradeProxy from "@tidelog/e2e/src/UpgradeProxy.ts"
import { type Device, makeCfSync, type SyncStatus } from "@tidelog/sync-client"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { connect, events, follow, leader, range, type Reader, until } from "../src/Side.ts"

class Server extends Context.Tag("test/Server")<Server, BenchServer>() {}

const server = Layer.scoped(Server, start("tidelog")).pipe(
  Layer.provide(NodeContext.layer),
  Layer.provide(Logger.remove(Logger.defaultLogger))
)

/** A client behind a proxy, what it reads, and what its app is told. */
const behindProxy = (storeId: string, upgrades: UpgradeProxy.Upgrades) =>
  Effect.gen(function* () {
    const proxy = yield* UpgradeProxy.make((yield* Server).port)
    proxy.setUpgrades(upgrades)
    let signal = (_: Device.Signal) => {}
    let status: SyncStatus.SyncStatus | undefined
    const connected: Array<boolean> = []
    const backend = yield* makeCfSync({
      url: `ws://127.0.0.1:${proxy.port}`,
      transport: "auto",
      http: { pollInterval: "100 millis" },
      onStatus: (told) => {
        status = told
      },
      device: {
        isOnline: () => true,
        subscribe: (onSignal) => {
          signal = onSignal
          return () => {}
        }
      }
    })({ storeId, clientId: "behind", payload: undefined })
    yield* backend.isConnected.changes.pipe(
      Stream.runForEach((isConnected) => Effect.sync(() => connected.push(isConnected))),
      Effect.forkScoped
    )
    const reader: Reader = { seqNums: [], caughtUp: -1 }
    yield* follow(backend, reader)
    return {
      backend,
      connected,
      proxy,
      reader,
      isOver: (transport: "ws" | "http") => () =>
        status?._tag === "Online" && status.transport === transport,
      comeOnline: () => signal("online")
    }
  })

layer(server, { excludeTestServices: true, timeout: "60 seconds" })("fallback", (it) => {
  for (const upgrades of ["refuse", "drop", "mute"] as const) {
    it.scoped(
      `[CLIENT-23] [CLIENT-24] a proxy that would ${upgrades} WebSockets, and later lets them through`,
      () =>
        Effect.gen(function* () {
          const storeId = `proxy_${upgrades}`
          const { backend, comeOnline, connected, isOver, proxy, reader } = yield* behindProxy(
            storeId,
            upgrades
          )
          yield* until(isOver("http"))
          expect(proxy.upgrades()).toBe(1)
          const other = yield* connect("tidelog", yield* Server, storeId)
          yield* other.push(events(0, 2))
          yield* until(() => reader.seqNums.length >= 2)
          yield* backend.push(events(2, 4))
          yield* until(() => reader.seqNums.length >= 4)

          // Still blocked: it stays.
          comeOnline()
          yield* until(() => proxy.upgrades() === 2)
          yield* backend.push(events(4, 5))
          expect(isOver("http")()).toBe(true)

          proxy.setUpgrades("pass")
          // What is under way must end first: one that is mute takes its time.
          yield* Effect.retry(
            Effect.suspend(() => {
              comeOnline()
              return isOver("ws")() ? Effect.void : Effect.fail("not yet")
            }),
            Schedule.spaced("100 millis")
          ).pipe(Effect.timeout("60 seconds"))
          yield* backend.push(events(5, 6))
          yield* other.push(events(6, 7)).pipe(Effect.retry(Schedule.spaced("100 millis")))
          yield* until(() => reader.seqNums.length >= 7)
          expect(reader.seqNums).toEqual(range(0, 7))
          expect(connected).toEqual([false, true])
        }).pipe(Effect.provide(leader))
    )
  }

  it.scoped("[CLIENT-23] a proxy that begins to, under a connection that has worked", () =>
    Effect.gen(function* () {
      const { backend, isOver, proxy, reader } = yield* behindProxy("proxy_later", "pass")
      yield* until(isOver("ws"))
      yield* backend.push(events(0, 1))
      proxy.setUpgrades("refuse")
      yield* backend.push(events(1, 2))
      yield* until(isOver("http"))
      yield* until(() => reader.seqNums.length >= 2)
      expect(reader.seqNums).toEqual(range(0, 2))
    }).pipe(Effect.provide(leader))
  )

  it.scoped("[CLIENT-23] a server that is started again meanwhile loses nothing", () =>
    Effect.gen(function* () {
      const { backend, isOver, reader } = yield* behindProxy("proxy_restart", "refuse")
      yield* until(isOver("http"))
      yield* backend.push(events(0, 2))
      yield* until(() => reader.seqNums.length >= 2)
      yield* (yield* Server).restart
      yield* backend.push(events(2, 3))
      yield* until(() => reader.seqNums.length >= 3)
      expect(reader.seqNums).toEqual(range(0, 3))
      yield* until(isOver("http"))
    }).pipe(Effect.provide(leader))
  )
})
