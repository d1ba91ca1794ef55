/**
 * How the end of a request is written. The rest of the wire is the same for every version of
 * LiveStore; this part follows the version of Effect underneath it, so it is chosen per connection
 * and spelled out nowhere else.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import { SyncError } from "./SyncError.ts"

/**
 * How a request ended: with the value that its kind has (nothing for a pull, `{}` for a push), with
 * an error of the protocol, or by a defect or an interruption.
 *
 * @since 0.1.0
 * @category models
 */
export type RequestExit = Exit.Exit<unknown, SyncError>

/**
 * Reads and writes the `exit` of an Exit frame.
 *
 * @since 0.1.0
 * @category models
 */
export interface Dialect {
  readonly name: string
  readonly decode: (exit: unknown) => Effect.Effect<RequestExit, ParseResult.ParseError>
  readonly encode: (exit: RequestExit) => unknown

  /** What a push that was accepted encodes to: every push ends with it. */
  readonly accepted: unknown
}

const make = <Encoded>(name: string, schema: Schema.Schema<RequestExit, Encoded>): Dialect => {
  const encode = Schema.encodeSync(schema)
  return {
    name,
    decode: Schema.decodeUnknown(schema),
    encode,
    accepted: encode(Exit.succeed({}))
  }
}

/**
 * LiveStore 0.4.0, on Effect 3: a failed exit has one `cause`, a tree.
 *
 * @since 0.1.0
 * @category dialects
 */
export const effect3: Dialect = make(
  "effect3",
  Schema.Exit({ success: Schema.Unknown, failure: SyncError, defect: Schema.Defect })
)
