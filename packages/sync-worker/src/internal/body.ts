import * as Effect from "effect/Effect"

/**
 * The body of a request, or nothing if it has more bytes than `limit`: then the rest is not read. Fails if it
 * breaks off.
 */
export const readBody = Effect.fnUntraced(function* (request: Request, limit: number) {
  if (request.body === null) return new Uint8Array()
  const reader = request.body.getReader()
  const parts: Array<Uint8Array> = []
  let bytes = 0
  while (true) {
    const { done, value } = yield* Effect.tryPromise(() => reader.read())
    if (done) break
    bytes += value.byteLength
    if (bytes > limit) {
      yield* Effect.ignore(Effect.tryPromise(() => reader.cancel()))
      return undefined
    }
    parts.push(value)
  }
  const body = new Uint8Array(bytes)
  let at = 0
  for (const part of parts) {
    body.set(part, at)
    at += part.byteLength
  }
  return body
})
