import * as Effect from "effect/Effect"
import * as Random from "effect/Random"

/** A name made of `digits` random hexadecimal digits. Unlikely to repeat; no secret. */
export const randomHex = (digits: number): Effect.Effect<string> =>
  Effect.map(Effect.replicateEffect(Random.nextIntBetween(0, 16), digits), (values) =>
    values.map((value) => value.toString(16)).join("")
  )
