/**
 * A log, read in order by whoever takes its events one by one. It outlives connections: a pull that a lost one
 * has broken off is pulled on from the last event that came.
 *
 * @since 0.1.0
 */
import type * as SyncClientError from "@tidelog/sync-client/SyncClientError"
import { type LogEvent, type Message, Refusal, type SyncError } from "@tidelog/sync-protocol"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type CopyError, LogReplaced, RequestRefused, type SideName } from "./CopyError.ts"
import type { Side } from "./Side.ts"

/**
 * An event of a log, and what its server knows of it.
 *
 * - `seqNum`: 0 before the first event.
 * - `createdAt`: when the event was stored, if the server has told.
 * - `backendId`: the log's own id, once the server has told.
 *
 * @since 0.1.0
 * @category models
 */
export interface Position {
  readonly seqNum: LogEvent.SeqNum
  readonly createdAt?: string | undefined
  readonly backendId: Option.Option<string>
}

/**
 * Before the first event.
 *
 * @since 0.1.0
 * @category constants
 */
export const START: Position = { seqNum: 0, backendId: Option.none() }

/**
 * @since 0.1.0
 * @category models
 */
export interface LogReader {
  /**
   * Whether an event is there to be taken; waits for it. False at the end of a log that is not read on live.
   *
   * Fails if the server refuses, or gives nothing for too long.
   */
  readonly hasNext: Effect.Effect<boolean, CopyError>
  /** The events that are there. */
  readonly buffered: () => ReadonlyArray<LogEvent.LogEvent>
  /** Takes so many of them. */
  readonly take: (count: number) => ReadonlyArray<LogEvent.LogEvent>
  /** The last event that was taken. */
  readonly position: () => Position
  /** How many events come after those that were taken, as far as the server has told. */
  readonly remaining: () => number
}

/** At once: the next pull waits for the next connection. */
const whenLost = Schedule.recurWhile(({ _tag }: PullFailure) => _tag === "ConnectionLost")

/**
 * Reads the events after a position: up to the head, or, if `live`, for ever. A live reader waits for its next
 * event as long as it takes.
 *
 * @since 0.1.0
 * @category constructors
 */
export const open = (
  side: Side,
  options: { readonly from: Position; readonly live: boolean }
): Effect.Effect<LogReader, never, Scope.Scope> =>
  Effect.gen(function* () {
    let position = options.from
    /** The last event that came. What a lost connection left untaken is not pulled again. */
    let received = options.from
    let events: Array<LogEvent.LogEvent> = []
    let times: Array<string | undefined> = []
    let remaining = 0
    let ended = false

    const onPage = (page: Message.PullResponse): void => {
      const backendId = Option.some(page.backendId)
      received = { ...received, backendId }
      position = { ...position, backendId }
      for (const { eventEncoded, metadata } of page.batch) {
        const createdAt = Option.getOrUndefined(metadata)?.createdAt
        events.push(eventEncoded)
        times.push(createdAt)
        received = { seqNum: eventEncoded.seqNum, createdAt, backendId }
      }
      remaining = page.pageInfo._tag === "MoreKnown" ? page.pageInfo.remaining : 0
    }

    const pages = Stream.suspend(() =>
      side.client.pull({
        cursor: received.seqNum,
        createdAt: received.createdAt,
        backendId: received.backendId,
        live: options.live
      })
    ).pipe(
      Stream.tap((page) => Effect.sync(() => onPage(page))),
      Stream.retry(whenLost)
    )

    const pull = yield* Stream.toPull(pages)

    const next = pull.pipe(
      Effect.asVoid,
      Effect.catchAll(
        Option.match({
          onNone: () =>
            Effect.sync(() => {
              ended = true
            }),
          onSome: (error) => Effect.fail(asCopyError(side.name, error))
        })
      )
    )
    const nextPage = options.live ? Effect.raceFirst(next, side.refused) : side.bounded(next)

    const hasNext: LogReader["hasNext"] = Effect.suspend(() => {
      if (events.length > 0) return Effect.succeed(true)
      if (ended) return Effect.succeed(false)
      return Effect.zipRight(nextPage, hasNext)
    })

    return {
      hasNext,
      buffered: () => events,
      take: (count) => {
        const taken = events.slice(0, count)
        const last = taken.at(-1)
        if (last !== undefined) {
          position = { ...position, seqNum: last.seqNum, createdAt: times[taken.length - 1] }
        }
        events = events.slice(count)
        times = times.slice(count)
        return taken
      },
      position: () => position,
      remaining: () => events.length + remaining
    }
  })

/** `ConnectionLost` never comes here: the pull goes on. */
type PullFailure =
  | SyncError.SyncError
  | SyncClientError.ConnectionLost
  | SyncClientError.RequestFailed

const asCopyError = (side: SideName, error: PullFailure): CopyError =>
  error._tag === "BackendIdMismatchError"
    ? new LogReplaced({ side })
    : new RequestRefused({ side, reason: wordsOf(error) })

/**
 * A failure of the wire in the server's own words.
 *
 * @since 0.1.0
 * @category conversions
 */
export const wordsOf = (error: PullFailure): string => {
  if (error._tag !== "UnknownError") return error.message
  const refusal = Refusal.fromUnknownError(error)
  if (refusal !== undefined) return `${refusal.name}, ${refusal.message}`
  return error.cause instanceof Error ? error.cause.message : "the server failed, and says no more"
}
