import type * as Effect from "effect/Effect"
import { attempt, type HarnessError } from "./HarnessError.ts"

/** Asks a server over HTTP. The body of its answer; fails if that is no success. */
export const ask = (url: string, init?: RequestInit): Effect.Effect<string, HarnessError> =>
  attempt(`asking for ${url}`, async () => {
    const response = await fetch(url, init)
    const body = await response.text()
    if (!response.ok) throw new Error(`${response.status} ${body}`)
    return body
  })
