/** What is bound, as configuration. */
import { expect, it } from "@effect/vitest"
import { Limits } from "@tidelog/sync-protocol"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as CloudflareEnv from "../src/CloudflareEnv.ts"

/** What a Layer that reads its configuration comes to, in a Worker with these bindings. */
const bound = (env: object) =>
  CloudflareEnv.layerConfigProvider.pipe(
    Layer.provide(Layer.succeed(CloudflareEnv.CloudflareEnv, env))
  )

it.effect("[LIMIT-4] limits may be variables of the Worker, texts or numbers", () =>
  Effect.gen(function* () {
    const limits = yield* Effect.provide(
      Limits.Limits,
      Layer.provide(
        Limits.layerConfig,
        bound({ TIDELOG_MAX_SOCKETS: "3", TIDELOG_MAX_PAGE_EVENTS: 7, DB: {}, NONE: undefined })
      )
    )
    expect(limits).toEqual({ ...Limits.defaults, maxSockets: 3, maxPageEvents: 7 })
  })
)

it.effect("a secret that is not bound, or is no text, is missing", () =>
  Effect.gen(function* () {
    const read = (env: object) =>
      Effect.either(
        Effect.provide(Config.redacted(Config.nonEmptyString("SYNC_TOKEN")), bound(env))
      )
    expect(Either.isRight(yield* read({ SYNC_TOKEN: "t" }))).toBe(true)
    for (const env of [{}, { SYNC_TOKEN: "" }, { SYNC_TOKEN: {} }]) {
      expect(Either.isLeft(yield* read(env))).toBe(true)
    }
  })
)
