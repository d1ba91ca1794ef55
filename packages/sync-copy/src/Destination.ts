/**
 * The store that is copied to. Events are appended to its head, and nothing there is ever changed.
 *
 * @since 0.1.0
 */
import type * as Socket from "@effect/platform/Socket"
import type * as SyncClient from "@tidelog/sync-client/SyncClient"
import { type LogEvent, OfficialServer, Refusal } from "@tidelog/sync-protocol"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import type * as Scope from "effect/Scope"
import type { Batch } from "./Batches.ts"
import * as Batches from "./Batches.ts"
import * as Comparison from "./Comparison.ts"
import {
  type CannotConnect,
  type CopyError,
  DestinationDiffers,
  EventNotAccepted,
  type InvalidSide,
  LogReplaced,
  Refused,
  RequestRefused
} from "./CopyError.ts"
import * as LogReader from "./LogReader.ts"
import * as ServerKind from "./ServerKind.ts"
import * as Side from "./Side.ts"

/**
 * @since 0.1.0
 * @category models
 */
export interface DestinationService {
  readonly side: Side.Side
  readonly kind: ServerKind.ServerKind
  readonly comparison: Comparison.ComparisonOptions
  /** Reads its events after a position. */
  readonly open: (options: {
    readonly from: LogReader.Position
    readonly live: boolean
  }) => Effect.Effect<LogReader.LogReader, never, Scope.Scope>
  /**
   * Stores a batch after the event at `at`, the head, and succeeds when it is stored. What is found stored
   * already is left as it is, so a batch may be given again.
   *
   * Waits as often as the server asks for it. Fails with `DestinationDiffers` if somebody else's events are
   * there, and with `EventNotAccepted` if one cannot be kept.
   */
  readonly append: (batch: Batch, at: LogReader.Position) => Effect.Effect<void, CopyError>
}

/**
 * @since 0.1.0
 * @category tags
 */
export class Destination extends Context.Tag("@tidelog/sync-copy/Destination")<
  Destination,
  DestinationService
>() {}

/**
 * `nullForAbsentArgs`: whether it is fine that the official server gives `null` for the arguments of an event
 * that has none. Default: no, such an event is not written to it.
 *
 * @since 0.1.0
 * @category models
 */
export interface DestinationOptions extends Side.SideOptions {
  readonly nullForAbsentArgs?: boolean | undefined
}

/**
 * The waits of a push that is to come later, in ms: the first, each next one half as long again, up to the last.
 * A thousand events a second are let in, so a hundred have their turn after a tenth.
 */
const LIMITED = { first: 100, factor: 1.5, last: 2_000 }

/** How often a push is tried that fails for no reason that is known, as when the storage does not answer. */
const MAX_TRIES = 5

/** Then the next try comes after a second, and after twice the time each further one. */
const FIRST_WAIT = 1_000

/**
 * What a push that is not refused has come to. `Behind`: the log's head is at `head`. `Unclear`: it failed, and
 * may be stored or not.
 */
type Outcome =
  | { readonly _tag: "Stored" }
  | { readonly _tag: "Limited" }
  | { readonly _tag: "Behind"; readonly head: LogEvent.SeqNum }
  | { readonly _tag: "Unclear"; readonly reason: string }

/**
 * A destination that has answered once.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options: DestinationOptions
): Layer.Layer<Destination, InvalidSide | CannotConnect | Refused, Socket.WebSocketConstructor> =>
  Layer.scoped(
    Destination,
    Effect.gen(function* () {
      const side = yield* Side.make("destination", options)
      yield* side.connect
      const kind = yield* ServerKind.detect(options)
      const comparison = { nullForAbsentArgs: options.nullForAbsentArgs ?? false }
      const open: DestinationService["open"] = (from) => LogReader.open(side, from)

      const push = (
        events: ReadonlyArray<LogEvent.LogEvent>,
        { backendId }: LogReader.Position
      ): Effect.Effect<Outcome, CopyError> =>
        side.client.push(events, { backendId }).pipe(
          // Each failure is told here, or mended.
          Logger.withMinimumLogLevel(LogLevel.None),
          Effect.as<Outcome>({ _tag: "Stored" }),
          Effect.catchAll((error) =>
            // The client has found which one it is.
            Effect.flatMap(side.client.status.get, ({ rejected }) =>
              outcomeOf(error, rejected ?? events[0])
            )
          ),
          side.bounded
        )

      /** The last event of a batch that is there already; `at` if none is. */
      const findStored = Effect.fnUntraced(function* (
        events: ReadonlyArray<LogEvent.LogEvent>,
        at: LogReader.Position
      ) {
        const reader = yield* open({ from: at, live: false })
        let count = 0
        while (count < events.length && (yield* reader.hasNext)) {
          for (const stored of reader.take(events.length - count)) {
            yield* mustBeSame(events[count], stored, comparison)
            count += 1
          }
        }
        return { count, position: reader.position() }
      }, Effect.scoped)

      const append: DestinationService["append"] = Effect.fn("Destination.append")(
        function* (batch, at) {
          if (kind === "other") yield* mustBeKept(batch.events, comparison)
          let { events } = batch
          let head = at
          let tries = 1
          let wait = LIMITED.first
          while (events.length > 0) {
            const outcome = yield* push(events, head)
            if (outcome._tag === "Stored") return
            if (outcome._tag === "Limited") {
              yield* Effect.sleep(wait)
              wait = Math.min(wait * LIMITED.factor, LIMITED.last)
              continue
            }
            const { count, position } = yield* findStored(events, head)
            events = events.slice(count)
            if (count === 0) {
              if (outcome._tag === "Behind") {
                return yield* new RequestRefused({
                  side: "destination",
                  reason: `it says that its log ends at ${outcome.head}, and its log does not`
                })
              }
              if (outcome._tag === "Unclear") {
                const { reason } = outcome
                if (tries === MAX_TRIES) {
                  return yield* new RequestRefused({ side: "destination", reason })
                }
                yield* Effect.sleep(FIRST_WAIT * 2 ** (tries - 1))
                tries += 1
              }
            }
            head = position
          }
        }
      )

      return { side, kind, comparison, open, append }
    })
  )

/** Fails with the first difference of two events that should be one. `event` is undefined beyond the source's last. */
export const mustBeSame = (
  event: LogEvent.LogEvent | undefined,
  stored: LogEvent.LogEvent,
  options: Comparison.ComparisonOptions
): Effect.Effect<void, DestinationDiffers> => {
  const difference =
    event === undefined
      ? `the source ends before it, and the destination has an event (${stored.name})`
      : Comparison.difference(event, stored, options)
  return difference === undefined
    ? Effect.void
    : Effect.fail(new DestinationDiffers({ seqNum: stored.seqNum, difference }))
}

/** What the official server would keep in another way, or would never give again, is not written to it. */
const mustBeKept = (
  events: ReadonlyArray<LogEvent.LogEvent>,
  { nullForAbsentArgs }: Comparison.ComparisonOptions
): Effect.Effect<void, EventNotAccepted> => {
  for (const event of events) {
    const { args, name, seqNum } = event
    if (args === undefined && !nullForAbsentArgs) {
      return Effect.fail(
        new EventNotAccepted({
          seqNum,
          name,
          reason: "it has no arguments, and such a server keeps null in their place"
        })
      )
    }
    const bytes = Batches.sizeOf(event)
    if (bytes > OfficialServer.MAX_EVENT_BYTES) {
      return Effect.fail(
        new EventNotAccepted({
          seqNum,
          name,
          reason: `it has ${bytes} bytes, and such a server delivers no event over ${OfficialServer.MAX_EVENT_BYTES}`
        })
      )
    }
  }
  return Effect.void
}

const outcomeOf = (
  error: SyncClient.PushError,
  refused: Pick<LogEvent.LogEvent, "name" | "seqNum"> | undefined
): Effect.Effect<Outcome, CopyError> => {
  switch (error._tag) {
    case "ServerAheadError":
      return Effect.succeed({ _tag: "Behind", head: error.minimumExpectedNum })
    case "BackendIdMismatchError":
      return Effect.fail(new LogReplaced({ side: "destination" }))
    case "ConnectionRefused": {
      const { code, reason } = error
      return Effect.fail(new Refused({ side: "destination", code, reason }))
    }
    case "EventTooLarge": {
      const { bytes, maxBytes, name, seqNum } = error
      const reason = `it has ${bytes} bytes as JSON, the most is ${maxBytes}`
      return Effect.fail(new EventNotAccepted({ seqNum, name, reason }))
    }
    case "RequestFailed":
      return Effect.succeed({ _tag: "Unclear", reason: error.message })
    case "UnknownError": {
      const reason = LogReader.wordsOf(error)
      const refusal = Refusal.fromUnknownError(error)
      switch (refusal?.name) {
        case "RateLimited":
          return Effect.succeed({ _tag: "Limited" })
        case "StorageUnavailable":
        case undefined:
          return Effect.succeed({ _tag: "Unclear", reason })
        case "PushRejected": {
          const { name = "", seqNum = 0 } = refused ?? {}
          return Effect.fail(new EventNotAccepted({ seqNum, name, reason }))
        }
        case "Unauthorized":
        case "Forbidden":
        case "InvalidRequest":
        case "UnknownRequest":
        case "DuplicateRequestId":
        case "StoreMismatch":
        case "InvalidBatch":
        case "BatchTooLarge":
        case "EventTooLarge":
        case "TooManySubscriptions":
        case "PullRejected":
          return Effect.fail(new RequestRefused({ side: "destination", reason }))
      }
    }
  }
}
