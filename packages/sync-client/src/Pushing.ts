/**
 * Pushes: a batch in as many parts as it takes, each until it is answered, and what becomes of one that is refused.
 *
 * @since 0.1.0
 */
import type * as LogEvent from "@tidelog/sync-protocol/LogEvent"
import type * as Message from "@tidelog/sync-protocol/Message"
import * as OfficialServer from "@tidelog/sync-protocol/OfficialServer"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as AlreadyStored from "./AlreadyStored.ts"
import type { Exchange } from "./Exchange.ts"
import type { PullFailure } from "./OpenPull.ts"
import * as PendingPush from "./PendingPush.ts"
import * as RejectedPush from "./RejectedPush.ts"
import * as RequestText from "./RequestText.ts"
import { type ConnectionRefused, EventTooLarge } from "./SyncClientError.ts"
import type { Unconfirmed } from "./Unconfirmed.ts"

/**
 * Why a push was not stored.
 *
 * @since 0.1.0
 * @category models
 */
export type PushError = PendingPush.PushFailure | EventTooLarge

/**
 * What pushes need of the client.
 *
 * - `open`: those under way. `begin`: starts one, on the present connection or the next.
 * - `refused`: why the server refuses the client, if it does. `whenRefused`: fails once it does.
 * - `takesLarge`: whether the present connection's server gives again what the official one would not; `undefined`
 *   while no pull was answered on it.
 * - `onHead`: told of a position that the log is known to reach. `onSent`: told of so many events.
 * - `willEcho`: whether a pull is going to deliver what is pushed.
 * - `readFrom`: the log after a position, to its head. `confirmed`: a position that it is known to have.
 * - `tell`: tells the status at once. `warn`: says in the log, and in the status, how a push has failed.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  readonly storeId: string
  readonly limits: RequestText.PushLimits
  readonly answerWithin: number
  readonly open: Set<PendingPush.PendingPush>
  readonly begin: (exchange: Exchange) => void
  readonly refused: () => ConnectionRefused | undefined
  readonly whenRefused: Effect.Effect<never, ConnectionRefused>
  readonly takesLarge: () => boolean | undefined
  readonly rejected: RejectedPush.RejectedPush
  readonly unconfirmed: Unconfirmed
  readonly onHead: (head: LogEvent.SeqNum) => void
  readonly onSent: (events: number) => void
  readonly willEcho: () => boolean
  readonly readFrom: (
    cursor: LogEvent.SeqNum,
    backendId: Option.Option<string>
  ) => Stream.Stream<Message.PullResponse, PullFailure>
  readonly confirmed: Effect.Effect<LogEvent.SeqNum>
  readonly tell: Effect.Effect<void>
  readonly warn: (error: PushError) => Effect.Effect<void>
}

/** A text of fewer characters is not over the official server's limit in UTF-8. */
const NEVER_LARGE = OfficialServer.MAX_EVENT_BYTES / 3

/**
 * Pushes a batch.
 *
 * @since 0.1.0
 * @category models
 */
export type Push = (
  batch: ReadonlyArray<LogEvent.LogEvent>,
  options: { readonly backendId: Option.Option<string> }
) => Effect.Effect<void, PushError>

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options): Push => {
  const { begin, open, rejected, tell, unconfirmed } = options

  const pushPart = Effect.fnUntraced(function* (
    part: RequestText.PushPart,
    events: ReadonlyArray<LogEvent.LogEvent>,
    backendId: Option.Option<string>,
    isLarge: boolean
  ) {
    const refused = options.refused()
    if (refused !== undefined) return yield* refused
    const pending = yield* PendingPush.make({
      part,
      backendId,
      // The next connection may be to another server.
      mayStart: () => !isLarge || options.takesLarge() === true,
      answerWithin: options.answerWithin,
      onHead: options.onHead,
      onSent: () => options.onSent(events.length)
    })
    yield* Effect.acquireUseRelease(
      Effect.sync(() => {
        open.add(pending)
        begin(pending)
      }),
      () => pending.await,
      () =>
        Effect.sync(() => {
          open.delete(pending)
        })
    ).pipe(
      Effect.catchTag("ServerAheadError", (error) =>
        pending.isRepeated()
          ? Effect.flatMap(
              AlreadyStored.isStored(events, (cursor) => options.readFrom(cursor, backendId)),
              (isStored) => (isStored ? Effect.void : error)
            )
          : error
      )
    )
    unconfirmed.accepted(part.last, options.willEcho())
  })

  const fail = (event: LogEvent.LogEvent | undefined, error: PushError) =>
    rejected.failed(event, error).pipe(Effect.zipRight(tell), Effect.zipRight(Effect.fail(error)))

  /**
   * Asks for what `takesLarge` tells, which comes with the first answer to a pull. Not from the batch on: there, a
   * server takes a sender that has miscounted for one of another log.
   */
  const maySendLarge = (backendId: Option.Option<string>) =>
    Effect.flatMap(options.confirmed, (cursor) =>
      Stream.runHead(options.readFrom(cursor, backendId))
    ).pipe(
      // It is not between two pages.
      Effect.catchTag("ConnectionLost", () => Effect.succeedNone),
      Effect.raceFirst(options.whenRefused),
      Effect.map((page) => Option.isSome(page) && options.takesLarge() !== false)
    )

  const pushParts = (
    batch: ReadonlyArray<LogEvent.LogEvent>,
    backendId: Option.Option<string>,
    limits: RequestText.PushLimits
  ): Effect.Effect<void, PushError> =>
    Effect.gen(function* () {
      const takesLarge = options.takesLarge()
      const most = takesLarge === true ? Infinity : OfficialServer.MAX_EVENT_BYTES
      const maxEventBytes = Math.min(most, limits.maxEventBytes)
      const { parts, tooLarge } = RequestText.split(batch, { ...limits, maxEventBytes })
      for (const part of parts) {
        const events = batch.slice(part.from, part.from + part.events.length)
        const isLarge =
          takesLarge === true && part.events.some(({ length }) => length > NEVER_LARGE)
        yield* Effect.catchAll(pushPart(part, events, backendId, isLarge), (error) =>
          error._tag === "ConnectionLost"
            ? pushParts(events, backendId, limits)
            : // One of several is refused: which one, and what comes before it is not.
              events.length > 1 && RejectedPush.isRejection(error)
              ? pushParts(events, backendId, { ...limits, maxEvents: 1 })
              : fail(events[0], error)
        )
        rejected.accepted()
      }
      if (tooLarge === undefined) return
      const rest = batch.slice(batch.findIndex(({ seqNum }) => seqNum === tooLarge.seqNum))
      const isForNone = tooLarge.bytes > limits.maxEventBytes
      if (!isForNone && (options.takesLarge() ?? (yield* maySendLarge(backendId)))) {
        return yield* pushParts(rest, backendId, limits)
      }
      const maxBytes = isForNone ? limits.maxEventBytes : maxEventBytes
      const { bytes, name, seqNum } = tooLarge
      yield* fail(rest[0], new EventTooLarge({ name, seqNum, bytes, maxBytes }))
    })

  /** A push is repeated by its caller: only the first of a row of failures is news. */
  let failing = false

  return Effect.fn("SyncClient.push")(
    function* (batch, { backendId }) {
      yield* Effect.annotateCurrentSpan({ storeId: options.storeId, events: batch.length })
      unconfirmed.pushing(batch)
      const refused = options.refused()
      if (refused !== undefined) return yield* refused
      yield* rejected.before(batch)
      yield* pushParts(batch, backendId, options.limits)
      failing = false
    },
    (push) =>
      Effect.tapError(push, (error) => {
        // Whoever is behind goes on, and what is refused altogether is told elsewhere.
        const isNews = error._tag !== "ServerAheadError" && error._tag !== "ConnectionRefused"
        if (failing || !isNews) return Effect.void
        failing = true
        return options.warn(error)
      })
  )
}
