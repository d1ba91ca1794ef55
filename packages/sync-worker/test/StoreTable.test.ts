import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import { tableName } from "../src/StoreTable.ts"

/** As SQLite compares names: without regard to ASCII case. */
const nameOf = (storeId: string) => Effect.map(tableName(storeId), (name) => name.toLowerCase())

describe("tableName", () => {
  it.effect("[LOG-4] a plain storeId names its table, as in the official backend", () =>
    Effect.gen(function* () {
      for (const storeId of ["a", "0", "_", "store_1", "my_todos_2026", "x".repeat(256)]) {
        expect(yield* tableName(storeId)).toBe(`eventlog_7_${storeId}`)
      }
    })
  )

  it.effect("[LOG-4] any other gets a readable name with a hash", () =>
    Effect.gen(function* () {
      expect(yield* tableName("My-Store")).toMatch(/^eventlog_7_my_store__[0-9a-f]{32}$/)
      expect(yield* tableName("日本語")).toMatch(/^eventlog_7___[0-9a-f]{32}$/)
      expect(yield* tableName("a__b")).toMatch(/^eventlog_7_a_b__[0-9a-f]{32}$/)
      expect((yield* tableName("-".repeat(256))).length).toBeLessThan(100)
      // The same tomorrow as today: the name is where the data is.
      expect(yield* tableName("a-b")).toBe("eventlog_7_a_b__d44362d67d921091c7b9674d752e9e23")
    })
  )

  it.effect("[LOG-4] no two of these share a table", () =>
    Effect.gen(function* () {
      const hashed = (yield* tableName("a-b")).replace("eventlog_7_", "")
      const tricky = [
        "a",
        "A",
        "a_b",
        "a-b",
        "a.b",
        "a b",
        "A-b",
        "a--b",
        "a__b",
        "a___b",
        "_",
        "__",
        "___",
        "-",
        "a_",
        "_a",
        "a-",
        "-a",
        "é",
        "e\u0301",
        "É",
        "İ",
        "i",
        "K",
        "\u212a",
        "ß",
        "ss",
        "x".repeat(255) + "-",
        "x".repeat(255) + "+",
        "x".repeat(256),
        " ",
        "\t",
        "\0",
        `"`,
        "'; DROP TABLE tidelog_stores; --",
        // The name of another store's table, as a storeId.
        hashed,
        hashed.replace("__", "-"),
        "eventlog_7_a"
      ]
      const names = yield* Effect.forEach(tricky, nameOf)
      expect(new Set(names).size).toBe(tricky.length)
    })
  )

  it.effect.prop(
    "[LOG-4] no two storeIds share a table, and no name needs quoting",
    {
      storeIds: FastCheck.uniqueArray(
        FastCheck.oneof(
          FastCheck.stringMatching(/^[aAbB_.-]{1,5}$/),
          FastCheck.fullUnicodeString({ minLength: 1, maxLength: 8 })
        ),
        { minLength: 2, maxLength: 30 }
      )
    },
    ({ storeIds }) =>
      Effect.gen(function* () {
        const names = yield* Effect.forEach(storeIds, nameOf)
        expect(new Set(names).size).toBe(storeIds.length)
        for (const name of names) expect(name).toMatch(/^eventlog_7_[a-z0-9_]+$/)
      }),
    { fastCheck: { seed: 20_260_801, numRuns: 100 } }
  )
})
