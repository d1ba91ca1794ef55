import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { StorageError } from "../EventLog.ts"
import type { SqlResult } from "../SqlEngine.ts"

/** Rows come from a database that others can write to, so they are decoded as any input. */
export const decodeRows = <A, I>(
  operation: string,
  schema: Schema.Schema<A, I>,
  result: SqlResult | undefined
): Effect.Effect<A, StorageError> =>
  Effect.mapError(
    Schema.decodeUnknown(schema)(result?.rows),
    (cause) => new StorageError({ operation, cause })
  )
