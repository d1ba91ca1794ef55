import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as CloudflareEnv from "../src/CloudflareEnv.ts"
import { EventLog } from "../src/EventLog.ts"
import * as EventLogSql from "../src/EventLogSql.ts"
import { SqlEngine } from "../src/SqlEngine.ts"
import * as SqlEngineD1 from "../src/SqlEngineD1.ts"
import { StoreId } from "../src/StoreId.ts"
import * as StoreRegistry from "../src/StoreRegistry.ts"
import { startDatabase } from "./support/database.ts"
import { startObjects } from "./support/objectStorage.ts"

const objects = await startObjects()

const openStore = (storeId: string) =>
  Effect.provide(EventLog, Layer.provide(EventLogSql.layer, Layer.succeed(StoreId, storeId)))

const describeRegistry = (name: string, engine: Layer.Layer<SqlEngine>) => {
  const layer = Layer.provideMerge(StoreRegistry.layer, engine)

  describe(`StoreRegistry: ${name}`, () => {
    // The first test finds the database as nobody has used it yet.
    it.effect("[LOG-7] a new database has no stores, and no table after the question", () =>
      Effect.gen(function* () {
        const registry = yield* StoreRegistry.StoreRegistry
        expect(yield* registry.list({ limit: 10 })).toEqual({ stores: [] })
        expect(yield* registry.get("nobody")).toEqual(Option.none())
        yield* registry.ping
        const { batch } = yield* SqlEngine
        const [tables] = yield* batch("look", [
          { sql: "SELECT name FROM sqlite_schema WHERE name NOT LIKE '_cf_%'", params: [] }
        ])
        expect(tables?.rows).toEqual([])
      }).pipe(Effect.provide(layer))
    )

    it.effect("[LOG-7] lists the stores page by page, in the order of their ids", () =>
      Effect.gen(function* () {
        const registry = yield* StoreRegistry.StoreRegistry
        const storeIds = ["b", "a", "B", "é", "a-b", "🌊"]
        const logs = new Map<string, string>()
        for (const storeId of storeIds) logs.set(storeId, (yield* openStore(storeId)).backendId)
        const sorted = ["B", "a", "a-b", "b", "é", "🌊"]

        const all = yield* registry.list({ limit: 6 })
        expect(all.stores.map(({ storeId }) => storeId)).toEqual(sorted)
        expect(all).not.toHaveProperty("next")
        for (const { backendId, createdAt, storeId } of all.stores) {
          expect(backendId).toBe(logs.get(storeId))
          expect(createdAt).toBe("1970-01-01T00:00:00.000Z")
        }

        const first = yield* registry.list({ limit: 4 })
        expect(first).toEqual({ stores: all.stores.slice(0, 4), next: "b" })
        expect(yield* registry.list({ limit: 4, after: first.next })).toEqual({
          stores: all.stores.slice(4)
        })
        expect(yield* registry.list({ limit: 4, after: "🌊" })).toEqual({ stores: [] })
      }).pipe(Effect.provide(layer))
    )

    it.effect("[LOG-7] finds a store by its id, and makes none", () =>
      Effect.gen(function* () {
        const registry = yield* StoreRegistry.StoreRegistry
        const { backendId } = yield* openStore("found")
        expect(yield* registry.get("found")).toMatchObject({
          _tag: "Some",
          value: { storeId: "found", backendId }
        })
        expect(yield* registry.hasLog("found")).toBe(true)
        for (const storeId of ["Found", "foun", "found ", "'"]) {
          expect(yield* registry.get(storeId)).toEqual(Option.none())
          expect(yield* registry.hasLog(storeId)).toBe(false)
        }
      }).pipe(Effect.provide(layer))
    )

    it.effect("[LOG-7] a store that was removed is not listed", () =>
      Effect.gen(function* () {
        const registry = yield* StoreRegistry.StoreRegistry
        yield* (yield* openStore("removed")).remove
        const { stores } = yield* registry.list({ limit: 100 })
        expect(stores.map(({ storeId }) => storeId)).not.toContain("removed")
      }).pipe(Effect.provide(layer))
    )

    it.effect("[LOG-7] a registry that cannot be read is no empty one", () =>
      Effect.gen(function* () {
        const registry = yield* StoreRegistry.StoreRegistry
        const { batch } = yield* SqlEngine
        yield* openStore("spoilt")
        yield* batch("spoil", [{ sql: "UPDATE tidelog_stores SET backendId = ''", params: [] }])
        expect(Either.isLeft(yield* Effect.either(registry.list({ limit: 100 })))).toBe(true)
      }).pipe(Effect.provide(layer))
    )
  })
}

const database = await startDatabase()

describeRegistry("D1", SqlEngineD1.layer(database))

describeRegistry("Durable Object", objects.layer("registry"))

describe("CloudflareEnv.layerStoreRegistryD1", () => {
  const ping = (binding: string) =>
    Effect.flatMap(StoreRegistry.StoreRegistry, ({ ping }) => ping).pipe(
      Effect.provide(CloudflareEnv.layerStoreRegistryD1(binding)),
      Effect.provideService(CloudflareEnv.CloudflareEnv, { DB: database }),
      Effect.either
    )

  it.effect("[LOG-7] asks the database that is bound", () =>
    Effect.gen(function* () {
      expect(Either.isRight(yield* ping("DB"))).toBe(true)
      expect(Either.getLeft(yield* ping("OTHER"))).toMatchObject({
        value: { _tag: "MissingBinding", binding: "OTHER", kind: "D1" }
      })
    })
  )
})
