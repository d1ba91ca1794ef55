import { describe, expect, it } from "@effect/vitest"
import { Json } from "@tidelog/sync-protocol"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/TestClock"
import {
  authorise,
  AuthUnavailable,
  closeCode,
  Forbidden,
  Unauthorized,
  withSchema
} from "../src/SyncAuth.ts"
import type { ValidatePayload } from "../src/SyncAuth.ts"

const CONTEXT = { storeId: "store", headers: new Headers({ cookie: "session=1" }) }

const IDENTITY = { user: "u1", roles: ["reader"] }

const tryWith = (validatePayload: ValidatePayload, payload: Json.Json = { token: "t" }) =>
  Effect.either(authorise(validatePayload, payload, CONTEXT))

const granting: ReadonlyArray<readonly [string, ValidatePayload]> = [
  ["a function", () => IDENTITY],
  ["a Promise", () => Promise.resolve(IDENTITY)],
  ["an Effect", () => Effect.succeed(IDENTITY)]
]

const unauthorized = new Unauthorized({ reason: "who are you?" })
const forbidden = new Forbidden({ reason: "not yours" })

const refusing: ReadonlyArray<readonly [string, (error: Error) => ValidatePayload]> = [
  [
    "a function that throws",
    (error) => () => {
      throw error
    }
  ],
  ["a Promise that rejects", (refusal) => () => Promise.reject(refusal)],
  ["an Effect that fails", (error) => () => Effect.fail(error)],
  ["an Effect that dies", (error) => () => Effect.die(error)],
  ["an Effect that fails, promised", (refusal) => async () => Effect.fail(refusal)],
  [
    "what is no Promise but is awaited like one",
    (error) => () =>
      Object.create({
        // oxlint-disable-next-line unicorn/no-thenable
        then: (_: unknown, reject: (reason: Error) => void) => {
          reject(error)
        }
      })
  ]
]

describe("authorise", () => {
  it.effect.each(granting)("[HAND-6] %s may grant an identity", ([, rule]) =>
    Effect.gen(function* () {
      expect(yield* tryWith(rule)).toEqual(Either.right(IDENTITY))
    })
  )

  it.effect("[HAND-6] a rule learns of the payload, the store and the headers", () =>
    Effect.gen(function* () {
      const identity = yield* tryWith((payload, { headers, storeId }) => ({
        payload,
        storeId,
        cookie: headers.get("cookie")
      }))
      expect(identity).toEqual(
        Either.right({ payload: { token: "t" }, storeId: "store", cookie: "session=1" })
      )
    })
  )

  it.effect.each(refusing)("[HAND-5] %s refuses with 4401 or 4403, in its own words", ([, rule]) =>
    Effect.gen(function* () {
      for (const [refusal, code] of [
        [unauthorized, 4401],
        [forbidden, 4403]
      ] as const) {
        const result = yield* tryWith(rule(refusal))
        expect(result).toEqual(Either.left(refusal))
        expect(Either.getLeft(Either.mapLeft(result, closeCode))).toMatchObject({ value: code })
      }
    })
  )

  it.effect.each(refusing)("[REFUSE-2] %s with any other error keeps its words", ([, rule]) =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const logger = Logger.make(({ cause }) => {
        lines.push(Cause.pretty(cause))
      })
      const result = yield* tryWith(rule(new Error("the password of the database is x"))).pipe(
        Effect.provide(Logger.add(logger))
      )
      expect(result).toEqual(
        Either.left(new Unauthorized({ reason: "the credentials were not accepted" }))
      )
      expect(lines.join()).toContain("the password of the database is x")
    })
  )

  it.effect.each<readonly [string, ValidatePayload]>([
    ["false", () => false],
    ["a promised false", async () => false],
    ["an Effect of false", () => Effect.succeed(false)],
    ["an error", () => new Error("no")],
    ["a Response", async () => new Response("no", { status: 401 })],
    ["an error of ours", () => unauthorized],
    ["what did not decode", () => Schema.decodeUnknownEither(Schema.Number)("no")],
    ["nothing found", () => Option.none()]
  ])("[AUTH-1] a rule that answers %s lets nobody in, behind a schema neither", ([, rule]) =>
    Effect.gen(function* () {
      for (const each of [rule, withSchema(Json.FromParsed, rule)]) {
        expect(yield* tryWith(each)).toMatchObject(Either.left({ _tag: "Unauthorized" }))
      }
      expect(yield* tryWith(() => true)).toEqual(Either.right(true))
    })
  )

  it.effect.each(refusing)("[AUTH-2] %s does the same behind a schema", ([, rule]) =>
    Effect.gen(function* () {
      const through = (error: Error) => tryWith(withSchema(Json.FromParsed, rule(error)))
      expect(yield* through(forbidden)).toEqual(Either.left(forbidden))
      expect(yield* through(new Error("the password of the database is x"))).toEqual(
        Either.left(new Unauthorized({ reason: "the credentials were not accepted" }))
      )
    })
  )

  it.effect("[HAND-5] an Effect that interrupts itself refuses", () =>
    Effect.gen(function* () {
      expect(yield* tryWith(() => Effect.interrupt)).toMatchObject(
        Either.left({ _tag: "Unauthorized" })
      )
    })
  )

  it.effect("[HAND-5] a rule puts off whom it cannot judge just now", () =>
    Effect.gen(function* () {
      const unavailable = new AuthUnavailable({ reason: "the directory is down" })
      const result = yield* tryWith(() => Effect.fail(unavailable))
      expect(result).toEqual(Either.left(unavailable))
      expect(closeCode(unavailable)).toBe(1013)
    })
  )

  it.effect.each<readonly [string, ValidatePayload]>([
    ["a Promise", () => new Promise(() => {})],
    ["an Effect", () => Effect.never],
    ["an Effect that cannot be interrupted", () => Effect.uninterruptible(Effect.never)]
  ])("[HAND-5] %s that never ends puts off after 10 s", ([, rule]) =>
    Effect.gen(function* () {
      const fiber = yield* Effect.fork(tryWith(rule))
      yield* TestClock.adjust("9999 millis")
      expect(yield* Fiber.poll(fiber)).toEqual(Option.none())
      yield* TestClock.adjust("1 millis")
      expect(yield* Fiber.join(fiber)).toMatchObject(Either.left({ _tag: "AuthUnavailable" }))
    })
  )
})
