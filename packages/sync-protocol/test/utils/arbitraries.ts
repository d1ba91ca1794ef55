/** What the properties are tried on. */
import * as FastCheck from "effect/FastCheck"
import type { LogEvent } from "../../src/LogEvent.ts"

/** One seed for all properties: a run is the same everywhere. */
export const seeded = { fastCheck: { seed: 19_700_101, numRuns: 300 } }

/** UTF-16 code units with what JSON and UTF-8 are sensitive to: quotes, controls, lone surrogates. */
export const anyString: FastCheck.Arbitrary<string> = FastCheck.oneof(
  FastCheck.string16bits({ maxLength: 12 }),
  FastCheck.fullUnicodeString({ maxLength: 12 }),
  FastCheck.array(
    FastCheck.constantFrom(
      '"',
      "\\",
      "\0",
      "\u0007",
      "\n",
      "\u007f",
      "\u2028",
      "\ud83d",
      "\ude00",
      "\ud83d\ude00",
      "é",
      "</",
      "}"
    ),
    { maxLength: 12 }
  ).map((parts) => parts.join(""))
)

/** The same without lone surrogates: text that UTF-8 can hold. */
export const wellFormedString: FastCheck.Arbitrary<string> = anyString.map((text) =>
  text.toWellFormed()
)

/** Numbers as JSON has them. `-0` is written as `0` there. */
const jsonNumber = FastCheck.oneof(
  FastCheck.integer(),
  FastCheck.maxSafeInteger(),
  FastCheck.double({ noNaN: true, noDefaultInfinity: true })
).map((value) => (value === 0 ? 0 : value))

const jsonKey = FastCheck.oneof(
  { weight: 4, arbitrary: anyString },
  { weight: 1, arbitrary: FastCheck.constantFrom("__proto__", "constructor", "toString", "0", "") }
)

/** A JSON value as `JSON.parse` makes it; a `__proto__` in it is an own key like any other. */
export const jsonValue: FastCheck.Arbitrary<unknown> = FastCheck.letrec<{ value: unknown }>(
  (tie) => ({
    value: FastCheck.oneof(
      { depthSize: "small", withCrossShrink: true },
      FastCheck.constantFrom(null, true, false),
      jsonNumber,
      anyString,
      FastCheck.array(tie("value"), { maxLength: 4 }),
      FastCheck.array(FastCheck.tuple(jsonKey, tie("value")), { maxLength: 4 }).map((entries) =>
        Object.fromEntries(entries)
      )
    )
  })
).value

/** A position, with both ends of its range. */
export const seqNum: FastCheck.Arbitrary<number> = FastCheck.oneof(
  FastCheck.nat(),
  FastCheck.integer({ min: Number.MAX_SAFE_INTEGER - 3, max: Number.MAX_SAFE_INTEGER }),
  FastCheck.constantFrom(0, 1)
)

/** Any event, chained to nothing in particular; its `args` absent, `null` or any other value. */
export const logEvent: FastCheck.Arbitrary<LogEvent> = FastCheck.record(
  {
    name: anyString,
    args: jsonValue,
    seqNum,
    parentSeqNum: seqNum,
    clientId: anyString,
    sessionId: anyString
  },
  { requiredKeys: ["name", "seqNum", "parentSeqNum", "clientId", "sessionId"] }
)

export const backendId: FastCheck.Arbitrary<string> =
  FastCheck.stringMatching(/^[A-Za-z0-9_-]{1,64}$/)

export const requestId: FastCheck.Arbitrary<string> = FastCheck.stringMatching(/^[0-9]{1,32}$/)
