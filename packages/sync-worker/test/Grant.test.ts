import { describe, expect, it } from "@effect/vitest"
import type { Json } from "@tidelog/sync-protocol"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Grant from "../src/Grant.ts"

const json = FastCheck.oneof(
  FastCheck.jsonValue({ stringUnit: "grapheme" }),
  FastCheck.string16bits(),
  FastCheck.fullUnicodeString()
).map((value): Json.Json => JSON.parse(JSON.stringify(value)))

describe("Grant", () => {
  it.prop(
    "[HAND-6] gives back what the Worker was told, in any script, through a header",
    {
      grant: FastCheck.record(
        {
          connectionId: FastCheck.hexaString(),
          storeId: FastCheck.fullUnicodeString({ minLength: 1, maxLength: 60 }),
          payload: json,
          identity: json
        },
        { requiredKeys: ["connectionId", "storeId"] }
      )
    },
    ({ grant }) => {
      const header = Grant.encode(grant)
      expect(header).toMatch(/^[\x20-\x7e]*$/)
      const headers = new Headers({ [Grant.HEADER]: header })
      expect(Either.getOrThrow(Grant.decode(headers.get(Grant.HEADER)))).toEqual(grant)
    },
    { fastCheck: { seed: 20_260_801, numRuns: 200 } }
  )

  it("[HAND-6] reads nothing else", () => {
    for (const bad of [null, "", "{}", "%", "%7B%22storeId%22%3A%22%22%7D", "null"]) {
      expect(Either.isLeft(Grant.decode(bad)), String(bad)).toBe(true)
    }
  })
})
