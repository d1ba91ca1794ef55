/**
 * The store that is copied. It is only read.
 *
 * @since 0.1.0
 */
import type * as Socket from "@effect/platform/Socket"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { CannotConnect, InvalidSide, Refused } from "./CopyError.ts"
import * as LogReader from "./LogReader.ts"
import * as Side from "./Side.ts"

/**
 * @since 0.1.0
 * @category models
 */
export interface SourceService {
  readonly side: Side.Side
  /** Reads its events after a position. */
  readonly open: (options: {
    readonly from: LogReader.Position
    readonly live: boolean
  }) => Effect.Effect<LogReader.LogReader, never, Scope.Scope>
}

/**
 * @since 0.1.0
 * @category tags
 */
export class Source extends Context.Tag("@tidelog/sync-copy/Source")<Source, SourceService>() {}

/**
 * A source that has answered once.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options: Side.SideOptions
): Layer.Layer<Source, InvalidSide | CannotConnect | Refused, Socket.WebSocketConstructor> =>
  Layer.scoped(
    Source,
    Effect.gen(function* () {
      const side = yield* Side.make("source", options)
      yield* side.connect
      return { side, open: (from) => LogReader.open(side, from) }
    })
  )
