/** The admin handlers without a platform: what is read when, and what is waited for. */
import { readFileSync } from "node:fs"
import { describe, expect, it } from "@effect/vitest"
import type { Message } from "@tidelog/sync-protocol"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { Line } from "../src/admin/AdminApi.ts"
import * as AdminHandlers from "../src/admin/AdminHandlers.ts"
import * as Import from "../src/admin/Import.ts"
import * as AdminOperation from "../src/AdminOperation.ts"
import { handleAdmin, matchAdminRequest } from "../src/AdminRoutes.ts"
import { AdminStorage } from "../src/AdminStorage.ts"
import { CloudflareEnv, layerStoreObjects } from "../src/CloudflareEnv.ts"
import * as Ndjson from "../src/internal/ndjson.ts"
import { isSameSecret } from "../src/internal/secret.ts"
import { VERSION } from "../src/internal/version.ts"
import * as OperationText from "../src/OperationText.ts"
import { StoreObjects } from "../src/StoreObjects.ts"
import type { StoreObjectsService } from "../src/StoreObjects.ts"

const ctx = {} as Parameters<typeof handleAdmin>[2]

const toLine = Schema.encodeSync(Line)

const event = (seqNum: number): Message.PulledEvent => ({
  eventEncoded: {
    name: "written",
    args: "x".repeat(900),
    seqNum,
    parentSeqNum: seqNum - 1,
    clientId: "c",
    sessionId: "s"
  },
  metadata: Option.none()
})

/** A namespace with one store of so many events. It counts what is read and what is stored. */
const makeObjects = (count: number) => {
  const seen = { reads: 0, restored: Array<number>(), backendId: "first" }
  const operate = (operation: AdminOperation.Operation): AdminOperation.Result => {
    switch (operation._tag) {
      case "Head":
        return { head: count }
      case "Read": {
        seen.reads += 1
        const { after, maxBytes, maxEvents } = operation
        const end = Math.min(count, after + Math.min(maxEvents, Math.floor(maxBytes / 1_000)))
        const lines = Array.from({ length: end - after }, (_, index) => event(after + index + 1))
        return {
          backendId: seen.backendId,
          text: lines.map((each) => `${toLine(each)}\n`).join(""),
          ...(end > after ? { last: end } : {})
        }
      }
      case "Discard":
        return { discarded: true }
      case "Restore":
        seen.restored.push(operation.events.length)
        return undefined
      default:
        throw new Error("not asked for")
    }
  }
  const answer = (text: string) =>
    OperationText.answer(text, (_, operation) => Effect.sync(() => operate(operation)))
  const admin = (text: string) => Effect.runPromise(answer(text))
  return {
    seen,
    answer,
    admin,
    namespace: { idFromName: (name: string) => name, get: () => ({ admin }) }
  }
}

const call = (env: object, path: string, init: RequestInit = {}) =>
  handleAdmin(
    new Request(`https://sync.example${path}`, {
      ...init,
      headers: { authorization: "Bearer secret", "content-type": "application/x-ndjson" }
    }),
    env,
    ctx,
    { storage: { _tag: "do-sqlite" } }
  )

it("[ADMIN-12] what an object of another version does not understand is an answer, too", async () => {
  const namespace = {
    idFromName: (name: string) => name,
    // An operation that only the Worker knows.
    get: () => ({
      admin: (text: string) => makeObjects(0).admin(text.replace('"Info"', '"Inform"'))
    })
  }
  const env = { WEBSOCKET_SERVER: namespace, ADMIN_SECRET: "secret" }
  const { body, status } = await call(env, "/admin/stores/s")
  expect(status).toBe(503)
  expect(JSON.parse(await new Response(body).text())).toEqual({
    _tag: "StoreUnavailable",
    message: "the store does not know this operation"
  })
})

describe("an export", () => {
  it("[ADMIN-6] reads a page when its reader takes it, and no sooner", async () => {
    const { namespace, seen } = makeObjects(20_000)
    const env = { WEBSOCKET_SERVER: namespace, ADMIN_SECRET: "secret" }
    const { body, status } = await call(env, "/admin/stores/s/events")
    expect(status).toBe(200)
    // Whoever reads ahead has all the time it wants.
    for (let turn = 0; turn < 500; turn += 1) await new Promise(setImmediate)
    expect(seen.reads).toBeLessThanOrEqual(3)
    const reader = body?.getReader()
    let bytes = 0
    for (let page = 1; ; page += 1) {
      const { done, value } = (await reader?.read()) ?? { done: true }
      if (done || value === undefined) break
      bytes += value.length
      expect(value.length).toBeLessThan(1_100_000)
      // The page that is read, the one that waits, and the one that is asked for.
      expect(seen.reads).toBeLessThanOrEqual(page + 2)
    }
    expect(seen.reads).toBe(Math.ceil(20_000 / 900) + 1)
    expect(bytes).toBeGreaterThan(20_000_000)
  })

  it("[ADMIN-6] breaks off if the log is replaced meanwhile", async () => {
    const { namespace, seen } = makeObjects(20_000)
    const env = { WEBSOCKET_SERVER: namespace, ADMIN_SECRET: "secret" }
    const { body } = await call(env, "/admin/stores/s/events")
    const reader = body?.getReader()
    await reader?.read()
    seen.backendId = "second"
    const drain = async () => {
      while ((await reader?.read())?.done === false);
    }
    await expect(drain()).rejects.toThrow("the log was replaced meanwhile")
    expect(seen.reads).toBeLessThan(6)
  })
})

describe("an import", () => {
  it("[ADMIN-8] is stored batch by batch while it comes in", async () => {
    const { namespace, seen } = makeObjects(0)
    const env = { WEBSOCKET_SERVER: namespace, ADMIN_SECRET: "secret" }
    let sent = 0
    const encoder = new TextEncoder()
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        sent += 1
        if (sent > 5_000) return controller.close()
        controller.enqueue(encoder.encode(`${toLine(event(sent))}\n`))
        // About 900 events of a kilobyte fit into a batch.
        expect(sent - seen.restored.reduce((sum, length) => sum + length, 0)).toBeLessThan(1_010)
      }
    })
    const response = await call(env, "/admin/stores/s/events", {
      method: "POST",
      body,
      duplex: "half"
    })
    expect(await response.json()).toEqual({ imported: 5_000, head: 5_000 })
    expect(Math.max(...seen.restored)).toBeLessThan(1_000)
  })
})

describe("what does not come", () => {
  const never = () => new Promise<string>(() => {})

  const objects = Layer.provide(
    layerStoreObjects(),
    Layer.succeed(CloudflareEnv, {
      WEBSOCKET_SERVER: { idFromName: (name: string) => name, get: () => ({ admin: never }) }
    })
  )

  it.effect("[ADMIN-15] an object has thirty seconds to answer", () =>
    Effect.gen(function* () {
      const { send } = yield* StoreObjects
      const fiber = yield* Effect.fork(Effect.flip(send("s", new AdminOperation.Info())))
      yield* TestClock.adjust("29 seconds")
      expect(yield* Fiber.poll(fiber)).toEqual(Option.none())
      yield* TestClock.adjust("1 second")
      expect(yield* Fiber.join(fiber)).toMatchObject({
        _tag: "StoreUnavailable",
        message: "the store cannot be reached just now"
      })
    }).pipe(Effect.provide(objects))
  )

  it.effect("[ADMIN-15] the text of an import may pause for a minute, and take longer", () =>
    Effect.gen(function* () {
      const { answer } = makeObjects(0)
      const send: StoreObjectsService["send"] = (storeId, operation) =>
        Effect.sync(() => OperationText.encode({ storeId, operation })).pipe(
          Effect.flatMap(answer),
          Effect.flatMap((text) => OperationText.readAnswer(operation, text))
        )
      const body = Stream.range(1, 3).pipe(
        Stream.rechunk(1),
        Stream.map((seqNum) => new TextEncoder().encode(`${toLine(event(seqNum))}\n`)),
        Stream.tap(() => Effect.sleep("50 seconds")),
        Stream.concat(Stream.never)
      )
      const fiber = yield* Import.run({ storeId: "s", after: 0, exists: undefined, body }).pipe(
        Effect.provideService(StoreObjects, { send }),
        Effect.flip,
        Effect.fork
      )
      for (const pause of ["50 seconds", "50 seconds", "50 seconds", "59 seconds"] as const) {
        yield* TestClock.adjust(pause)
        expect(yield* Fiber.poll(fiber)).toEqual(Option.none())
      }
      yield* TestClock.adjust("1 second")
      expect(yield* Fiber.join(fiber)).toMatchObject({
        _tag: "ImportInterrupted",
        head: 0,
        message: "nothing of the events came for a minute"
      })
    })
  )
})

describe("lines", () => {
  const encoder = new TextEncoder()

  const split = (text: string, pieceBytes: number, maxBytes = 1_000) => {
    const bytes = encoder.encode(text)
    const pieces = Array.from({ length: Math.ceil(bytes.length / pieceBytes) }, (_, index) =>
      bytes.subarray(index * pieceBytes, (index + 1) * pieceBytes)
    )
    return Stream.fromIterable(pieces).pipe(
      Ndjson.lines(maxBytes),
      Stream.mapEffect((lines) => Effect.forEach(lines, Ndjson.decode)),
      Stream.flattenIterables,
      Stream.runCollect,
      Effect.map((lines) => Array.from(lines, ({ line, text }) => [line, text]))
    )
  }

  it.effect("[ADMIN-8] are the same, however the text comes in", () =>
    Effect.gen(function* () {
      for (const pieceBytes of [1, 2, 3, 7, 100]) {
        expect(yield* split("a\n\n🌊é\nlast", pieceBytes)).toEqual([
          [1, "a"],
          [2, ""],
          [3, "🌊é"],
          [4, "last"]
        ])
        expect(yield* split("a\n", pieceBytes)).toEqual([[1, "a"]])
      }
      expect(yield* split("", 1)).toEqual([])
    })
  )

  it.effect("[ADMIN-8] one that is too long ends the text, and is not kept", () =>
    Effect.gen(function* () {
      expect(yield* split(`${"x".repeat(10)}\ny`, 3, 10)).toHaveLength(2)
      for (const pieceBytes of [1, 3, 100]) {
        expect(yield* Effect.flip(split(`a\n${"x".repeat(11)}\ny`, pieceBytes, 10))).toMatchObject({
          line: 2,
          message: "the line is longer than 10 bytes"
        })
      }
    })
  )
})

describe("health", () => {
  it.effect("[HEALTH-1] a storage that does not answer has five seconds", () =>
    Effect.gen(function* () {
      const registry = {
        ping: Effect.never,
        list: () => Effect.die("not asked for"),
        get: () => Effect.die("not asked for"),
        hasLog: () => Effect.die("not asked for")
      }
      const fiber = yield* AdminHandlers.health.pipe(
        Effect.provideService(AdminStorage, { _tag: "Registry", registry }),
        Effect.fork
      )
      yield* TestClock.adjust("4900 millis")
      expect(yield* Fiber.poll(fiber)).toEqual(Option.none())
      yield* TestClock.adjust("100 millis")
      expect(yield* Fiber.join(fiber)).toMatchObject({
        status: "degraded",
        storage: "unavailable"
      })
    })
  )

  it("[HEALTH-1] tells the version that is published", () => {
    const { version } = JSON.parse(
      readFileSync(new URL("../package.json", import.meta.url), "utf8")
    )
    expect(VERSION).toBe(version)
  })
})

describe("the secret", () => {
  it.effect("[ADMIN-1] is compared as a whole", () =>
    Effect.gen(function* () {
      expect(yield* isSameSecret("secret", "secret")).toBe(true)
      for (const other of ["", "secre", "secret ", "Secret", "secreu", "secretsecret"]) {
        expect(yield* isSameSecret("secret", other)).toBe(false)
      }
    })
  )
})

describe("matchAdminRequest", () => {
  const match = (path: string, headers: Record<string, string> = {}) =>
    matchAdminRequest(new Request(new URL(path, "https://app.example"), { headers }))

  it("[ADMIN-1][HEALTH-1] takes its own paths, and leaves all others", () => {
    for (const path of [
      "/admin/stores",
      "/admin/stores/",
      "/admin/stores/websocket",
      "/admin/stores?storeId=s&transport=ws",
      "/admin/openapi.json"
    ]) {
      expect(match(path)).toBe("admin")
      expect(match(path, { upgrade: "WebSocket" })).toBeUndefined()
    }
    expect(match("/health?x")).toBe("health")
    for (const path of [
      "/",
      "/admin",
      "/admin/websocket",
      "/admin/storesx",
      "/Admin/stores",
      "/healthy",
      "/x/health"
    ]) {
      expect(match(path)).toBeUndefined()
    }
  })
})
