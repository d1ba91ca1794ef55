/** What a peer may send: mostly right, now and then not. */
import * as FastCheck from "effect/FastCheck"

export type Json = { [key: string]: unknown }

export const text = FastCheck.oneof(FastCheck.string(), FastCheck.string16bits())
export const position = FastCheck.oneof(
  { weight: 6, arbitrary: FastCheck.nat() },
  { weight: 6, arbitrary: FastCheck.maxSafeNat() },
  { weight: 1, arbitrary: FastCheck.constantFrom(-1, -0, 0.5, 2 ** 53, 1e300, null, "7") }
)
export const id = FastCheck.oneof(
  { weight: 4, arbitrary: FastCheck.stringMatching(/^[0-9]{1,32}$/) },
  { weight: 1, arbitrary: FastCheck.constantFrom("", "1".repeat(33), " 1", "1\n", "٣", 7, null) }
)
export const anything = FastCheck.jsonValue({ maxDepth: 2 })

/** An object with each of some keys, or without, or with something else in its place. */
export const loosely = (fields: { readonly [key: string]: FastCheck.Arbitrary<unknown> }) =>
  FastCheck.tuple(
    FastCheck.record(fields),
    FastCheck.oneof(
      { weight: 9, arbitrary: FastCheck.constant(null) },
      { weight: 1, arbitrary: FastCheck.constantFrom(...Object.keys(fields)) }
    ),
    FastCheck.option(anything, { nil: undefined }),
    FastCheck.option(FastCheck.dictionary(FastCheck.constantFrom("extra", "sampled"), anything))
  ).map(([object, key, other, extra]): Json => {
    const result: Json = { ...object, ...extra }
    if (key === null) return result
    if (other === undefined) delete result[key]
    else result[key] = other
    return result
  })

/** An event, mostly. */
export const event = loosely({
  name: text,
  args: anything,
  seqNum: position,
  parentSeqNum: position,
  clientId: text,
  sessionId: text
})
