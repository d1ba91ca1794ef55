/**
 * Stores of the official backend, before and after the worker is deployed with this project's server. The
 * official one does all that is done before; what it leaves is nowhere made by hand.
 */
import { NodeContext } from "@effect/platform-node"
import { describe, expect, layer } from "@effect/vitest"
import { eventually } from "@tidelog/e2e/src/eventually.ts"
import type { HarnessError } from "@tidelog/e2e/src/HarnessError.ts"
import {
  type Backend,
  type ClientName,
  clientNames,
  events,
  follow,
  newReader,
  range,
  readAfter,
  type Reader,
  until
} from "@tidelog/interop/src/Side.ts"
import { fallBehind, followEachOther } from "@tidelog/interop/src/work.ts"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Deployment from "../src/Deployment.ts"
import * as Device from "../src/Device.ts"

const engines = ["d1", "sqlite"] as const

/** Ids as apps choose them. */
const storeIds = ["plain_1", "V1StGXR8_Z5jdHi6B-myT", "3F2504E0-4F89-11D3-9A0C-0305E82C3301", "b.ü"]

/** LiveStore's leader pushes again as well, unless it is told that it is behind. */
const pushed = (backend: Backend, batch: ReturnType<typeof events>) =>
  backend.push(batch).pipe(
    Effect.retry({
      while: ({ _tag }) => _tag === "UnknownError" || _tag === "IsOfflineError",
      schedule: Schedule.spaced("500 millis")
    }),
    Effect.timeout("60 seconds")
  )

/** Events with these positions and parents, which the official backend does not compare. */
const chained = (...places: ReadonlyArray<readonly [seqNum: number, parentSeqNum: number]>) =>
  places.flatMap(([seqNum, parentSeqNum]) => {
    const [event] = events(seqNum - 1, seqNum)
    const [parent] = events(parentSeqNum - 1, parentSeqNum)
    return event === undefined || parent === undefined
      ? []
      : [{ ...event, parentSeqNum: parent.seqNum }]
  })

const numbers = (found: ReadonlyArray<{ readonly seqNum: number }>) =>
  found.map(({ seqNum }) => seqNum)

/** A client that was connected when the worker was deployed anew. */
interface Guest {
  readonly device: Device.Device
  readonly backend: Backend
  readonly backendId: string | undefined
}

/** One with a live pull. */
interface Follower extends Guest {
  readonly reader: Reader
  readonly following: Effect.Effect.Success<ReturnType<typeof follow>>
}

/** The official backend, before it is replaced. */
class Official extends Context.Tag("test/Official")<
  Official,
  {
    readonly device: ReturnType<typeof Device.make>
    readonly log: Effect.Effect<string>
    readonly redeploy: Effect.Effect<void, HarnessError>
  }
>() {}

class AfterTakeover extends Context.Tag("test/AfterTakeover")<
  AfterTakeover,
  {
    readonly device: ReturnType<typeof Device.make>
    readonly log: Effect.Effect<string>
    readonly guest: (name: ClientName, engine: Device.Engine, storeId: string) => Guest
    readonly follower: (name: ClientName, engine: Device.Engine, storeId: string) => Follower
    readonly kept: (engine: Device.Engine, storeId: string) => Device.Device
  }
>() {}

/** LiveStore's pull over HTTP ends for good with the first answer that does not come: it follows no redeploy. */
const followers = clientNames.filter((name) => name !== "official HTTP")

/** How each client asks for a sync, as the log of `wrangler dev` has it. */
const asks: Readonly<Record<ClientName, string>> = {
  official: "GET PATH/websocket 101",
  "official HTTP": "POST PATH/sync 200",
  tidelog: "GET PATH/websocket 101",
  "tidelog HTTP": "POST PATH/websocket 200"
}

const variousArgs = [{ text: "some" }, undefined, null]

const keyOf = (...parts: ReadonlyArray<string>) => parts.join(" ")

const everyStore = engines.flatMap((engine) => storeIds.map((storeId) => ({ engine, storeId })))

const afterTakeover = Effect.gen(function* () {
  const { device, log, redeploy } = yield* Official
  const guests = new Map<string, Guest>()
  const following = new Map<string, Follower>()
  const kept = new Map<string, Device.Device>()

  /** Leaves something in a store, by the official client, and keeps what its device knows of it. */
  const leave = <A, E>(
    engine: Device.Engine,
    storeId: string,
    use: (backend: Backend) => Effect.Effect<A, E>
  ) =>
    Effect.gen(function* () {
      const it = yield* device("official", engine, storeId)
      kept.set(keyOf(engine, storeId), it)
      return yield* Effect.scoped(Effect.flatMap(it.connect, use))
    })

  /** A client that stays connected, and has all that there is. */
  const invite = (name: ClientName, engine: Device.Engine, storeId: string) =>
    Effect.gen(function* () {
      const it = yield* device(name, engine, storeId)
      const backend = yield* it.connect
      const seen = yield* readAfter(backend, 0)
      expect(numbers(seen)).toEqual(range(0, 3))
      const guest = { device: it, backend, backendId: yield* it.backendId }
      guests.set(keyOf(name, engine, storeId), guest)
      if (name === "official HTTP") return
      const reader = newReader()
      const fiber = yield* follow(backend, reader)
      yield* until(() => reader.caughtUp === 3)
      following.set(keyOf(name, engine, storeId), { ...guest, reader, following: fiber })
    })

  for (const { engine, storeId } of everyStore) {
    yield* leave(engine, storeId, (backend) => backend.push(events(0, 3)))
  }

  for (const engine of engines) {
    // The second statement of this push fails, and what the first one has written stays.
    const torn = [...events(5, 19), ...events(18, 20)]
    yield* leave(engine, "Wedged-1", (backend) =>
      Effect.gen(function* () {
        yield* backend.push(events(0, 5))
        yield* readAfter(backend, 0)
        yield* Effect.flip(backend.push(torn))
        // From now on it takes nothing any more.
        yield* Effect.flip(backend.push(events(5, 6)))
      })
    )
    yield* leave(engine, "wedged-at-once", (backend) =>
      Effect.flip(backend.push([...events(0, 14), ...events(13, 15)]))
    )
    yield* leave(engine, "No-Chain", (backend) => backend.push(chained([1, 0], [3, 2], [9, 7])))
    yield* leave(engine, "Empty-1", (backend) => readAfter(backend, 0))
    const given = yield* leave(engine, "Without-Args", (backend) =>
      Effect.zipRight(
        backend.push(events(0, 3).map((event, index) => ({ ...event, args: variousArgs[index] }))),
        readAfter(backend, 0)
      )
    )
    // The official backend gives back as `null` what was pushed without.
    expect(given.map(({ args }) => args)).toEqual([{ text: "some" }, null, null])
  }

  yield* leave("d1", "Twin-A", (backend) => backend.push(events(0, 3)))
  const seen = yield* leave("d1", "twin.a", (backend) => readAfter(backend, 0))
  // The official backend shows one store's events in the other.
  expect(numbers(seen)).toEqual([1, 2, 3])

  // The official client last: it pings 10 s after it has come, and may hang if the server goes just then.
  for (const name of clientNames.toReversed()) {
    yield* Effect.forEach(everyStore, ({ engine, storeId }) => invite(name, engine, storeId), {
      concurrency: everyStore.length
    })
  }
  yield* redeploy
  const find = <A>(found: A | undefined, key: string): A => {
    if (found === undefined) throw new Error(`nobody is ${key}`)
    return found
  }
  return {
    device,
    log,
    guest: (...key: Parameters<typeof invite>) => find(guests.get(keyOf(...key)), keyOf(...key)),
    follower: (...key: Parameters<typeof invite>) =>
      find(following.get(keyOf(...key)), keyOf(...key)),
    kept: (engine: Device.Engine, storeId: string) =>
      find(kept.get(keyOf(engine, storeId)), storeId)
  }
})

const official = Layer.scoped(
  Official,
  Effect.map(Deployment.start, ({ log, port, redeploy }) => ({
    device: Device.make(port),
    log,
    redeploy
  }))
).pipe(Layer.provide(NodeContext.layer), Layer.provide(Logger.remove(Logger.defaultLogger)))

const after = Layer.scoped(AfterTakeover, afterTakeover).pipe(
  Layer.provide(Logger.remove(Logger.defaultLogger))
)

layer(official, { excludeTestServices: true, timeout: "60 seconds" })("takeover", (it) => {
  for (const engine of engines) {
    for (const name of ["tidelog", "tidelog HTTP"] as const) {
      describe(`the ${name} client on the official server, ${engine}`, () => {
        /** Two devices of one store. */
        const pair = (storeId: string) =>
          Effect.flatMap(Official, ({ device }) => {
            const one = device(name, engine, `${name.replace(" ", "-")}-${storeId}`)
            const connected = Effect.flatMap(one, ({ connect }) => connect)
            return Effect.all([connected, connected])
          })

        it.scoped("[PUSH-2][PULL-1][CLIENT-21] pushes, pulls, and follows what others push", () =>
          Effect.gen(function* () {
            yield* followEachOther(...(yield* pair("basic")))
          })
        )

        it.scoped("[PUSH-5][REFUSE-1] is told that it is behind, and goes on from there", () =>
          Effect.gen(function* () {
            yield* fallBehind(...(yield* pair("behind")))
          })
        )

        it.scoped("[PULL-1][PULL-3] reads 400 events page by page, whole and from a cursor", () =>
          Effect.gen(function* () {
            const [one, other] = yield* pair("long")
            for (let from = 0; from < 400; from += 100) yield* one.push(events(from, from + 100))
            expect(yield* readAfter(other, 0)).toEqual(events(0, 400))
            expect(numbers(yield* readAfter(other, 150))).toEqual(range(150, 400))
            const reader = newReader()
            yield* follow(other, reader)
            yield* until(() => reader.caughtUp === 400)
            expect(reader.seqNums).toEqual(range(0, 400))
          })
        )
      })
    }
  }

  it.layer(after, { timeout: "170 seconds" })("after", (it) => {
    for (const { engine, storeId } of everyStore) {
      describe(`${storeId}, ${engine}`, () => {
        it.scoped("[TAKE-1] clients that were connected go on, without a gap or a repeat", () =>
          Effect.gen(function* () {
            const { follower, guest } = yield* AfterTakeover
            const guests = clientNames.map((name) => guest(name, engine, storeId))
            const following = followers.map((name) => follower(name, engine, storeId))
            let head = 3
            for (const { backend } of guests) {
              yield* pushed(backend, events(head, head + 2))
              head += 2
              // Where the official client hangs, it goes on when the server closes its idle socket (LIMIT-9).
              yield* until(() =>
                following.every(({ reader }) => reader.seqNums.length >= head)
              ).pipe(Effect.retry({ times: 1 }))
            }
            for (const { following: fiber, reader } of following) {
              expect(reader.seqNums).toEqual(range(0, head))
              expect(Option.isNone(yield* Fiber.poll(fiber))).toBe(true)
            }
            for (const { backend, backendId, device } of guests) {
              expect(numbers(yield* readAfter(backend, 3))).toEqual(range(3, head))
              expect(backendId).toMatch(/^[A-Za-z0-9_-]{21}$/)
              expect(yield* device.backendId).toBe(backendId)
            }
          })
        )

        for (const name of clientNames) {
          it.scoped(`[TAKE-1] a new ${name} client has all events, as they were pushed`, () =>
            Effect.gen(function* () {
              const { device, guest } = yield* AfterTakeover
              const newcomer = yield* device(name, engine, storeId)
              const backend = yield* newcomer.connect
              const found = yield* readAfter(backend, 0)
              expect(found.slice(0, 3)).toEqual(events(0, 3))
              expect(yield* newcomer.backendId).toBe(guest(name, engine, storeId).backendId)
            })
          )
        }
      })
    }

    for (const engine of engines) {
      describe(engine, () => {
        it.scoped("[TAKE-3] a store that took no push any more takes them again", () =>
          Effect.gen(function* () {
            const { kept } = yield* AfterTakeover
            const device = kept(engine, "Wedged-1")
            const before = yield* device.backendId
            const backend = yield* device.connect
            expect(numbers(yield* readAfter(backend, 5))).toEqual(range(5, 19))
            yield* backend.push(events(19, 20))
            expect(numbers(yield* readAfter(backend, 0))).toEqual(range(0, 20))
            expect(yield* device.backendId).toBe(before)
          })
        )

        it.scoped(
          "[TAKE-3][TAKE-4] also one that has never answered a push, if the app knows it",
          () =>
            Effect.gen(function* () {
              const { kept } = yield* AfterTakeover
              const backend = yield* kept(engine, "wedged-at-once").connect
              expect(numbers(yield* readAfter(backend, 0))).toEqual(range(0, 14))
              yield* backend.push(events(14, 15))
            })
        )

        it.scoped("[TAKE-8] a log that is no chain is sent to official clients as it was", () =>
          Effect.gen(function* () {
            const { kept, log } = yield* AfterTakeover
            const backend = yield* kept(engine, "No-Chain").connect
            expect(numbers(yield* readAfter(backend, 0))).toEqual([1, 3, 9])
            yield* backend.push(events(9, 10))
            expect(numbers(yield* readAfter(backend, 3))).toEqual([9, 10])
            expect(yield* log).toContain("it is no chain")
          })
        )

        for (const name of clientNames) {
          it.scoped(`[TAKE-1][EVENT-1] what had no arguments has none for the ${name} client`, () =>
            Effect.gen(function* () {
              const { device } = yield* AfterTakeover
              const backend = yield* (yield* device(name, engine, "Without-Args")).connect
              const found = yield* readAfter(backend, 0)
              // No JSON says `undefined`: the key is not there.
              expect(found.map(({ args }) => args)).toEqual(variousArgs)
            })
          )
        }

        it.scoped("[TAKE-1] a store without events keeps its backendId", () =>
          Effect.gen(function* () {
            const { kept } = yield* AfterTakeover
            const device = kept(engine, "Empty-1")
            const before = yield* device.backendId
            expect(before).toBeDefined()
            const backend = yield* device.connect
            yield* backend.push(events(0, 2))
            expect(numbers(yield* readAfter(backend, 0))).toEqual([1, 2])
            expect(yield* device.backendId).toBe(before)
          })
        )
      })
    }

    it.scoped("[TAKE-11] hooks in the types of the official package refuse as they are", () =>
      Effect.gen(function* () {
        const { device } = yield* AfterTakeover
        const { connect } = yield* device("official", "d1", "hooked")
        const backend = yield* connect
        const forbidden = events(0, 1).map((event) => ({ ...event, name: "v1.Forbidden" }))
        expect(String(yield* Effect.flip(backend.push(forbidden)))).toContain(
          "hooked forbids 1, of undefined"
        )
        yield* backend.push(events(0, 1))
      })
    )

    it.scoped("[TAKE-4][TAKE-5] of two stores with one table, only its own has the events", () =>
      Effect.gen(function* () {
        const { device, log } = yield* AfterTakeover
        const other = yield* (yield* device("tidelog", "d1", "twin.a")).connect
        const first = yield* Effect.fork(pushed(other, events(0, 1, { text: "mine" })))
        // It is put off for as long as the events may be its own.
        yield* eventually("it is put off", log, (text) => text.includes("TakeoverRefused"))
        const own = yield* (yield* device("official", "d1", "Twin-A")).connect
        expect(numbers(yield* readAfter(own, 0))).toEqual([1, 2, 3])
        yield* Fiber.join(first)
        expect(yield* readAfter(other, 0)).toEqual(events(0, 1, { text: "mine" }))
        expect(yield* readAfter(own, 0)).toEqual(events(0, 3))
      })
    )

    it.scoped("[HTTP-1][TAKE-1] each client came as its name says, to both servers", () =>
      Effect.gen(function* () {
        const { device, log } = yield* AfterTakeover
        for (const name of clientNames) {
          for (const engine of engines) {
            yield* readAfter(yield* (yield* device(name, engine, "plain_1")).connect, 0)
            const line = asks[name].replace("PATH", Device.pathOf(name, engine))
            yield* eventually(`${line}, on both`, log, (text) => {
              const [, before, after] = text.split("Ready on")
              return [before, after].every((server) => server?.includes(line))
            })
          }
        }
      })
    )
  })
})
