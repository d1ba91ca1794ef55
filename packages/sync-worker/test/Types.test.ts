/** What the compiler asks of those who use the package: checked by `pnpm check`, run for the name. */
import { describe, expect, it } from "@effect/vitest"
import type { Limits } from "@tidelog/sync-protocol"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { CloudflareEnv } from "../src/CloudflareEnv.ts"
import type { Rule } from "../src/do-rpc/Admission.ts"
import type { makeDurableObject } from "../src/DurableObject.ts"
import type { StoreId } from "../src/StoreId.ts"
import * as SyncAuth from "../src/SyncAuth.ts"
import * as SyncHooks from "../src/SyncHooks.ts"
import { handleWebSocket, makeWorker } from "../src/Worker.ts"

class Users extends Context.Tag("test/Users")<Users, { readonly find: Effect.Effect<string> }>() {}
class Mail extends Context.Tag("test/Mail")<Mail, { readonly send: Effect.Effect<void> }>() {}

const find = Effect.flatMap(Users, (users) => users.find)
const send = Effect.flatMap(Mail, (mail) => mail.send)
const users = Layer.succeed(Users, { find: Effect.succeed("ann") })
const mail = Layer.succeed(Mail, { send: Effect.void })

/** Only ever read by the compiler. */
const make: typeof makeDurableObject = () => {
  throw new Error("the class needs workerd")
}

it("[HOOK-5] a Layer of hooks asks for what each of them needs", () => {
  const none: Layer.Layer<SyncHooks.SyncHooks> = SyncHooks.layer({ onPush: () => {} })
  const one: Layer.Layer<SyncHooks.SyncHooks, never, Mail> = SyncHooks.layer({
    onPullRes: () => send
  })
  const both: Layer.Layer<SyncHooks.SyncHooks, never, Users | Mail> = SyncHooks.layer({
    onPush: () => Effect.asVoid(find),
    onPull: async () => {},
    onPushRes: () => send
  })
  // @ts-expect-error: what the hooks need is not given.
  // @effect-diagnostics-next-line missingLayerContext:off
  const missing: Layer.Layer<SyncHooks.SyncHooks, never, Users> = both
  expect([none, one, both, missing].every(Layer.isLayer)).toBe(true)
})

it("[HOOK-5] an object is made only with what its hooks need", () => {
  const options = { onPush: () => Effect.asVoid(find), onPushRes: () => send }
  const services = Layer.merge(users, mail)
  const needsStore: Layer.Layer<Users | Mail, never, StoreId | CloudflareEnv> = services
  for (const define of [
    () => make(),
    () => make({ onPush: () => {} }),
    () => make({ ...options, services }),
    () => make({ ...options, services: needsStore }),
    // @ts-expect-error: no services.
    () => make(options),
    // @ts-expect-error: half of them.
    () => make({ ...options, services: users })
  ]) {
    expect(define).toThrow("workerd")
  }
})

it("[AUTH-1] a Worker is made only with what its rule needs", () => {
  const rule: Layer.Layer<SyncAuth.SyncAuth, never, Users> = SyncAuth.layer(() => find)
  expect(Layer.isLayer(rule)).toBe(true)
  const asked: Layer.Layer<SyncAuth.SyncAuth> = SyncAuth.layer((payload) => payload)
  expect(Layer.isLayer(asked)).toBe(true)
  // @ts-expect-error: what the rule needs is not given.
  // @effect-diagnostics-next-line missingLayerContext:off
  const missing: Layer.Layer<SyncAuth.SyncAuth> = rule
  for (const worker of [
    makeWorker(),
    makeWorker({ validatePayload: () => ({ user: "ann" }) }),
    makeWorker({ validatePayload: async () => ({ user: "ann" }) }),
    makeWorker({ validatePayload: () => find, services: users }),
    // @ts-expect-error: no services.
    makeWorker({ validatePayload: () => find }),
    // @ts-expect-error: others than those.
    makeWorker({ validatePayload: () => find, services: mail })
  ]) {
    expect(worker.fetch).toBeTypeOf("function")
  }
  expect(Layer.isLayer(missing)).toBe(true)
})

it("[AUTH-1] a handler is called only with what its rule needs", () => {
  const request = new Request("http://localhost/")
  const context = Object.create(null)
  const ask = () => find
  for (const answer of [
    handleWebSocket(request, {}, context),
    handleWebSocket(request, {}, context, { validatePayload: () => ({ user: "ann" }) }),
    handleWebSocket(request, {}, context, { layer: SyncAuth.layer((payload) => payload) }),
    handleWebSocket(request, {}, context, { validatePayload: ask, services: users }),
    // @ts-expect-error: no services.
    handleWebSocket(request, {}, context, { validatePayload: ask }),
    // @ts-expect-error: others than those.
    handleWebSocket(request, {}, context, { validatePayload: ask, services: mail })
  ]) {
    expect(answer).toBeInstanceOf(Promise)
  }
})

it("[AUTH-2] a rule gets what the Schema decodes to", () => {
  const schema = Schema.Struct({ since: Schema.NumberFromString })
  const worker = makeWorker({
    syncPayloadSchema: schema,
    validatePayload: ({ since }) => ({ since: since.toFixed(1) })
  })
  expect(worker.fetch).toBeTypeOf("function")
  // @ts-expect-error: without a Schema nobody knows what a payload is.
  makeWorker({ validatePayload: ({ since }) => since })
  // @ts-expect-error: not even by saying so.
  makeWorker({ validatePayload: (payload: { readonly since: number }) => payload })
  // @ts-expect-error: the Schema knows no such field.
  makeWorker({ syncPayloadSchema: schema, validatePayload: ({ until }) => until })
})

it("[AUTH-1] a rule may say what a payload is: JSON, or nothing", () => {
  // As LiveStore's `Schema.JsonValue` is written.
  interface JsonArray extends ReadonlyArray<JsonValue> {}
  interface JsonObject {
    [key: string]: JsonValue
  }
  type JsonValue = string | number | boolean | null | JsonObject | JsonArray
  interface OfficialContext {
    storeId: string
  }
  const rule = (payload: JsonValue | undefined, { storeId }: OfficialContext) => {
    if (payload !== storeId) throw new Error("no")
  }
  // oxlint-disable-next-line typescript/no-explicit-any
  const loose = async (payload: any) => ({ user: String(payload.user) })
  const request = new Request("http://localhost/")
  const context = Object.create(null)
  const layer = SyncAuth.layer(rule)
  const untold: Layer.Layer<SyncAuth.SyncAuth> = SyncAuth.layer((payload: unknown) => ({ payload }))
  const callers: ReadonlyArray<Rule> = [rule, loose, (payload: unknown) => ({ payload })]
  for (const worker of [
    makeWorker({ validatePayload: rule }),
    makeWorker({ validatePayload: loose }),
    makeWorker({ validatePayload: (payload: unknown) => ({ payload }) }),
    // It may be `false`, and so may what is unknown: that is for its app to know.
    makeWorker({ validatePayload: (payload) => payload }),
    // @ts-expect-error: there may be none.
    makeWorker({ validatePayload: (payload: JsonValue) => ({ payload }) }),
    // @ts-expect-error: nor is it a record for being JSON.
    makeWorker({ validatePayload: (payload: Record<string, string>) => payload })
  ]) {
    expect(worker.fetch).toBeTypeOf("function")
  }
  for (const answer of [
    handleWebSocket(request, {}, context, { validatePayload: rule }),
    handleWebSocket(request, {}, context, { layer })
  ]) {
    expect(answer).toBeInstanceOf(Promise)
  }
  expect(Layer.isLayer(untold)).toBe(true)
  expect(callers).toHaveLength(3)
})

it("[LIMIT-4] a Worker takes the limits that its object is told", () => {
  const limits: Limits.LimitChanges = { maxBatchEvents: 500, maxSockets: undefined }
  expect(makeWorker({ limits }).fetch).toBeTypeOf("function")
  expect(makeWorker({ limits: { maxSockets: 10 } }).fetch).toBeTypeOf("function")
  expect(() => makeWorker({ limits: { maxPayloadBytes: 0 } })).toThrow("limits.maxPayloadBytes")
  // @ts-expect-error: there is no such limit.
  makeWorker({ limits: { maxConnections: 10 } })
})

it("[AUTH-1][HOOK-7] a rule that only answers no is not taken, and one of no known type is", () => {
  const answer = (): boolean => false
  const parse = (payload: unknown) => JSON.parse(String(payload))
  for (const worker of [
    makeWorker({ validatePayload: (payload) => parse(payload) }),
    makeWorker({
      validatePayload: async (payload) => {
        const claims = parse(payload)
        return claims
      }
    }),
    makeWorker({ validatePayload: () => true as const }),
    // @ts-expect-error: that false is a refusal, its client is not told.
    makeWorker({ validatePayload: answer }),
    // @ts-expect-error: nor later.
    makeWorker({ validatePayload: async () => answer() }),
    // @ts-expect-error: nor by an Effect.
    makeWorker({ validatePayload: () => Effect.sync(answer) }),
    // @ts-expect-error: nor is an error that is not thrown.
    makeWorker({ validatePayload: (payload) => (payload === 1 ? { user: 1 } : new Error("no")) })
  ]) {
    expect(worker.fetch).toBeTypeOf("function")
  }
  for (const define of [
    () => make({ onPush: ({ batch }) => parse(batch) }),
    // @ts-expect-error: that it is a refusal, its client is not told.
    () => make({ onPush: () => Effect.sync(answer) })
  ]) {
    expect(define).toThrow("workerd")
  }
})

describe("[HOOK-5][AUTH-1] `services` beside functions that use their parameters", () => {
  class Rules extends Context.Tag("test/Rules")<
    Rules,
    { readonly ask: (about: string) => Effect.Effect<string> }
  >() {}
  const rules = Layer.succeed(Rules, { ask: Effect.succeed })
  const everything = Layer.mergeAll(rules, users, mail)
  const payload = Schema.Struct({ token: Schema.String })
  const request = new Request("http://localhost/")
  const context = Object.create(null)

  it("are enough, or not, for a Worker", () => {
    for (const worker of [
      makeWorker({
        validatePayload: (_, { storeId }) => Effect.flatMap(Rules, ({ ask }) => ask(storeId)),
        services: rules
      }),
      makeWorker({
        services: everything,
        validatePayload: (given) => Effect.flatMap(Rules, ({ ask }) => ask(JSON.stringify(given)))
      }),
      makeWorker({
        validatePayload: Effect.fn(function* (_: unknown, { storeId }: SyncAuth.AuthContext) {
          return yield* (yield* Rules).ask(storeId)
        }),
        services: rules
      }),
      makeWorker({
        syncPayloadSchema: payload,
        validatePayload: ({ token }) =>
          Effect.gen(function* () {
            if (token === "") return yield* new SyncAuth.Unauthorized({ reason: "no token" })
            return { user: yield* (yield* Rules).ask(token), found: yield* find }
          }),
        services: everything
      }),
      makeWorker({ validatePayload: (given) => ({ given }), services: rules }),
      makeWorker({ validatePayload: async (_, { headers }) => headers.get("cookie") }),
      makeWorker({
        validatePayload: async (_, { storeId }) => Effect.flatMap(Rules, ({ ask }) => ask(storeId)),
        services: rules
      }),
      // @ts-expect-error: no services.
      makeWorker({
        validatePayload: async (_, { storeId }) => Effect.flatMap(Rules, ({ ask }) => ask(storeId))
      }),
      // @ts-expect-error: no services.
      makeWorker({
        validatePayload: (_, { storeId }) => Effect.flatMap(Rules, (r) => r.ask(storeId))
      }),
      makeWorker({
        validatePayload: (_, { storeId }) =>
          storeId === "open" ? undefined : Effect.flatMap(Rules, ({ ask }) => ask(storeId)),
        // @ts-expect-error: others than those.
        services: users
      })
    ]) {
      expect(worker.fetch).toBeTypeOf("function")
    }
  })

  it("are enough, or not, for a handler", () => {
    for (const answer of [
      handleWebSocket(request, {}, context, {
        validatePayload: (given) => Effect.flatMap(Rules, ({ ask }) => ask(JSON.stringify(given))),
        services: rules
      }),
      handleWebSocket(request, {}, context, {
        syncPayloadSchema: payload,
        validatePayload: ({ token }) => Effect.flatMap(Rules, ({ ask }) => ask(token)),
        services: everything
      }),
      // @ts-expect-error: no services.
      handleWebSocket(request, {}, context, {
        validatePayload: (given) => Effect.flatMap(Rules, ({ ask }) => ask(JSON.stringify(given)))
      })
    ]) {
      expect(answer).toBeInstanceOf(Promise)
    }
  })

  it("are enough, or not, for an object", () => {
    for (const define of [
      () =>
        make({
          onPush: ({ batch }, { storeId }) =>
            Effect.flatMap(Rules, ({ ask }) => Effect.asVoid(ask(`${storeId}${batch.length}`))),
          onPullRes: (page) => (page.batch.length > 0 ? send : undefined),
          services: everything
        }),
      () =>
        make({
          services: rules,
          onPull: ({ live }) => (live ? Effect.asVoid(Rules) : Promise.resolve()),
          onPushRes: (answer) => {
            expect(answer).toBeDefined()
          }
        }),
      () =>
        // @ts-expect-error: no services.
        make({ onPush: ({ batch }) => Effect.zipRight(Rules, Effect.log(batch.length)) }),
      () =>
        make({
          onPush: ({ batch }) => Effect.zipRight(Rules, Effect.log(batch.length)),
          onPullRes: () => send,
          // @ts-expect-error: half of them.
          services: rules
        }),
      // @ts-expect-error: a hook has nothing to say but no.
      () => make({ onPush: ({ batch }) => batch.length })
    ]) {
      expect(define).toThrow("workerd")
    }
  })
})
