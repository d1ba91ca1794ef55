import { describe, expect, it, vi } from "@effect/vitest"
import { Effect, Exit, Option, Schedule, Scope, Stream } from "effect"
import { Device } from "../src/index.ts"
import { advance, answer, halfway, makeClient, makeOnline, settle } from "./TestSocket.ts"

/** A device whose network the test switches. */
const makeDevice = () => {
  const listeners = new Set<(signal: Device.Signal) => void>()
  let online = true
  const device: Device.Device = {
    isOnline: () => online,
    subscribe: (onSignal) => {
      listeners.add(onSignal)
      return () => listeners.delete(onSignal)
    }
  }
  const signal = (signal: Device.Signal) =>
    Effect.suspend(() => {
      if (signal !== "awake") online = signal === "online"
      for (const onSignal of listeners) onSignal(signal)
      return settle
    })
  return { device, listeners, signal }
}

describe("Device", () => {
  it.scoped("[CLIENT-15] without a network the client waits, and looks now and then", () =>
    Effect.gen(function* () {
      const { device, signal } = makeDevice()
      const { client, server } = yield* makeClient({ device })
      yield* client.reconnect
      yield* settle
      server.latest.hangUp()
      yield* settle
      expect(yield* client.status.get).toMatchObject({ _tag: "Waiting", retryAt: 125 })
      yield* signal("offline")
      expect(yield* client.status.get).toMatchObject({ _tag: "Offline" })
      yield* advance("29 seconds")
      expect(server.sockets).toHaveLength(1)
      // The device may be wrong.
      yield* advance("1 second")
      expect(server.sockets).toHaveLength(2)
      server.latest.hangUp()
      yield* settle
      expect(yield* client.status.get).toMatchObject({ _tag: "Offline" })
      yield* advance("10 seconds")
      expect(server.sockets).toHaveLength(2)
      yield* signal("online")
      expect(server.sockets).toHaveLength(3)
      yield* answer(server)
      expect(yield* client.status.get).toMatchObject({ _tag: "Online" })
    }).pipe(halfway)
  )

  it.scoped("[CLIENT-15] a network that is told of too early is soon tried again", () =>
    Effect.gen(function* () {
      for (const what of ["online", "awake"] as const) {
        const { device, signal } = makeDevice()
        const { client, server } = yield* makeClient({ device })
        /** The latest attempt fails, and the next one comes after so many ms. */
        const fail = (millis: number) =>
          Effect.gen(function* () {
            const before = server.sockets.length
            server.latest.hangUp()
            yield* advance(millis - 1)
            expect(server.sockets).toHaveLength(before)
            yield* advance(1)
            expect(server.sockets).toHaveLength(before + 1)
          })
        yield* client.reconnect
        yield* settle
        for (const millis of [125, 250, 500, 1_000, 2_000, 4_000, 8_000, 15_000])
          yield* fail(millis)
        server.latest.hangUp()
        yield* settle
        yield* signal(what)
        for (const millis of [125, 250, 500]) yield* fail(millis)
        // While an attempt is under way, too: it is followed by one at once, and by the first wait.
        for (const millis of [1_000, 2_000, 4_000]) yield* fail(millis)
        yield* signal(what)
        const before = server.sockets.length
        server.latest.hangUp()
        yield* settle
        expect(server.sockets).toHaveLength(before + 1)
        yield* fail(250)
      }
    }).pipe(halfway)
  )

  it.scoped("[CLIENT-15] a connection is asked at once, whatever has happened", () =>
    Effect.gen(function* () {
      for (const what of ["online", "offline", "awake"] as const) {
        const { device, signal } = makeDevice()
        const { server, socket } = yield* makeOnline({ device })
        yield* advance("5 seconds")
        socket.answersPings = false
        const { pings } = socket
        yield* signal(what)
        expect(socket.pings).toBe(pings + 1)
        yield* advance(1_999)
        expect(socket.closedWith).toBeUndefined()
        yield* advance(1)
        expect(socket.closedWith).toBe(1000)
        expect(server.sockets.length).toBeLessThanOrEqual(2)
      }
    })
  )

  it.scoped("[CLIENT-15] an answer that may stand behind a page has more time", () =>
    Effect.gen(function* () {
      const { device, signal } = makeDevice()
      const { client, socket } = yield* makeOnline({ device })
      yield* Effect.forkScoped(
        Stream.runDrain(client.pull({ cursor: 0, backendId: Option.none(), live: true }))
      )
      yield* advance("1 second")
      socket.answersPings = false
      yield* signal("awake")
      yield* advance(4_999)
      expect(socket.closedWith).toBeUndefined()
      yield* advance(1)
      expect(socket.closedWith).toBe(1000)
    })
  )

  it.scoped(
    "[CLIENT-1] a device, a schedule, a socket and a callback that throw stop nothing",
    () =>
      Effect.gen(function* () {
        const fail = (): never => {
          throw new Error("the app's own")
        }
        const { client, server } = yield* makeClient({
          device: { isOnline: fail, subscribe: fail },
          retrySchedule: Schedule.delayed(Schedule.forever, fail),
          onStatus: () => Promise.reject(new Error("the app's own"))
        })
        yield* client.reconnect
        yield* settle
        for (let round = 1; round <= 3; round++) {
          server.latest.hangUp()
          yield* advance("30 seconds")
          expect(server.sockets).toHaveLength(round + 1)
        }
        const socket = yield* answer(server)
        socket.close = fail
        yield* advance("10 seconds")
        socket.hangUp()
        yield* advance("1 second")
        yield* answer(server)
        expect(yield* client.status.get).toMatchObject({ _tag: "Online" })
      })
  )

  it.effect("[CLIENT-19] nobody listens after the end", () =>
    Effect.gen(function* () {
      const { device, listeners } = makeDevice()
      const scope = yield* Scope.make()
      yield* Scope.extend(makeClient({ device }), scope)
      expect(listeners.size).toBe(1)
      yield* Scope.close(scope, Exit.void)
      expect(listeners.size).toBe(0)
    })
  )

  it("[CLIENT-15] React Native's tells of the foreground, and of the network if the app can", () => {
    const states = new Set<(state: string) => void>()
    let onNetwork: ((isOnline: boolean) => void) | undefined
    const device = Device.reactNative(
      {
        addEventListener: (_, onChange) => {
          states.add(onChange)
          return { remove: () => states.delete(onChange) }
        }
      },
      (onChange) => {
        onNetwork = onChange
        return () => {
          onNetwork = undefined
        }
      }
    )
    const signals: Array<Device.Signal> = []
    expect(device.isOnline()).toBe(true)
    const stop = device.subscribe((signal) => signals.push(signal))
    onNetwork?.(true)
    for (const state of ["background", "inactive", "active"]) {
      for (const onChange of states) onChange(state)
    }
    onNetwork?.(false)
    expect(device.isOnline()).toBe(false)
    onNetwork?.(false)
    onNetwork?.(true)
    expect(device.isOnline()).toBe(true)
    expect(signals).toEqual(["awake", "offline", "online"])
    stop()
    expect(states.size).toBe(0)
    expect(onNetwork).toBeUndefined()
  })

  it("[CLIENT-15] where there is nothing of a browser, nothing is heard and nothing breaks", () => {
    expect(Device.global.isOnline()).toBe(true)
    Device.global.subscribe(() => {})()
    // A polyfill of a document that can do nothing.
    vi.stubGlobal("document", { addEventListener: undefined })
    Device.global.subscribe(() => {})()
    vi.unstubAllGlobals()
  })
})
