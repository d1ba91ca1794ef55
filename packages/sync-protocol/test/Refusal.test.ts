import { assert, describe, expect, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import { Dialect, Refusal, SyncError } from "../src/index.ts"
import { anyString, seeded } from "./utils/arbitraries.ts"

/** What a client holds after a server sent this error. */
const overTheWire = (error: SyncError.SyncError) =>
  Effect.gen(function* () {
    const text = JSON.stringify(Dialect.effect3.encode(Exit.fail(error)))
    const exit = yield* Dialect.effect3.decode(JSON.parse(text))
    assert(Exit.isFailure(exit))
    const failure = Cause.failureOption(exit.cause)
    assert(Option.isSome(failure))
    return failure.value
  })

const throughUnknownError = (refusal: Refusal.Refusal) =>
  Effect.gen(function* () {
    const error = yield* overTheWire(Refusal.toUnknownError(refusal))
    assert(error._tag === "UnknownError")
    return Refusal.fromUnknownError(error)
  })

describe("Refusal", () => {
  it.effect.each(Refusal.RefusalName.literals)("[REFUSE-1] %s survives the wire", (name) =>
    Effect.gen(function* () {
      const refusal = new Refusal.Refusal({ name, message: `what to do about ${name}` })
      const received = yield* throughUnknownError(refusal)
      assert(received !== undefined)
      expect(received).toBeInstanceOf(Refusal.Refusal)
      expect(received.name).toBe(name)
      expect(received.message).toBe(`what to do about ${name}`)
    })
  )

  it.prop(
    "[REFUSE-1] every message survives the wire",
    [anyString],
    ([message]) => {
      const refusal = new Refusal.Refusal({ name: "PushRejected", message })
      const received = Effect.runSync(throughUnknownError(refusal))
      expect(received?.name).toBe("PushRejected")
      expect(received?.message).toBe(message)
    },
    seeded
  )

  it("[REFUSE-1] the names are those that older clients and servers know", () => {
    expect(Refusal.RefusalName.literals).toStrictEqual([
      "Unauthorized",
      "Forbidden",
      "InvalidRequest",
      "UnknownRequest",
      "DuplicateRequestId",
      "StoreMismatch",
      "InvalidBatch",
      "BatchTooLarge",
      "EventTooLarge",
      "RateLimited",
      "TooManySubscriptions",
      "PushRejected",
      "PullRejected",
      "StorageUnavailable"
    ])
  })

  it("[REFUSE-1] on the wire it is an UnknownError whose cause is name and message, no more", () => {
    const refusal = new Refusal.Refusal({ name: "BatchTooLarge", message: "split it" })
    const encoded = Dialect.effect3.encode(Exit.fail(Refusal.toUnknownError(refusal)))
    expect(JSON.parse(JSON.stringify(encoded))).toStrictEqual({
      _tag: "Failure",
      cause: {
        _tag: "Fail",
        error: { _tag: "UnknownError", cause: { name: "BatchTooLarge", message: "split it" } }
      }
    })
  })

  it.effect("[REFUSE-1] an UnknownError of somebody else is no refusal", () =>
    Effect.gen(function* () {
      for (const cause of [
        new Error("rejected by onPush"),
        { name: "Nope", message: "m" },
        "BatchTooLarge",
        { name: "BatchTooLarge" },
        undefined
      ]) {
        const error = yield* overTheWire(new SyncError.UnknownError({ cause }))
        assert(error._tag === "UnknownError")
        expect(Refusal.fromUnknownError(error)).toBe(undefined)
      }
    })
  )
})

describe("errors on the wire", () => {
  it.effect("[PUSH-5] ServerAheadError keeps both positions", () =>
    Effect.gen(function* () {
      const error = new SyncError.ServerAheadError({ minimumExpectedNum: 7, providedNum: 3 })
      expect(yield* overTheWire(error)).toStrictEqual(error)
      expect(error.message).toBe("the log is at 7, the push starts at 3")
    })
  )

  it.effect("[PULL-7][PUSH-8] BackendIdMismatchError keeps both ids", () =>
    Effect.gen(function* () {
      const error = new SyncError.BackendIdMismatchError({ expected: "a", received: "it's b" })
      expect(yield* overTheWire(error)).toStrictEqual(error)
      expect(error.message).toBe("the log is a, the request was meant for it's b")
    })
  )

  it("[REFUSE-2] no stack travels, neither of an error nor of a defect", () => {
    const failed = Exit.fail(new SyncError.UnknownError({ cause: new Error("m") }))
    for (const exit of [failed, Exit.die(new Error("m"))]) {
      const text = JSON.stringify(Dialect.effect3.encode(exit))
      expect(text).toContain(`{"name":"Error","message":"m"}`)
      expect(text).not.toContain("Refusal.test")
    }
  })

  it.effect("[FRAME-8] an error that the protocol does not have is not read", () =>
    Effect.gen(function* () {
      const error = { _tag: "IsOfflineError", cause: "x" }
      const exit = { _tag: "Failure", cause: { _tag: "Fail", error } }
      const result = yield* Effect.exit(Dialect.effect3.decode(exit))
      expect(Exit.isFailure(result)).toBe(true)
    })
  )

  it("[PULL-4][PUSH-2] success with no value has no key, with {} it has one", () => {
    expect(JSON.stringify(Dialect.effect3.encode(Exit.void))).toBe(`{"_tag":"Success"}`)
    expect(JSON.stringify(Dialect.effect3.encode(Exit.succeed({})))).toBe(
      `{"_tag":"Success","value":{}}`
    )
  })
})
