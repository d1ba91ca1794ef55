/**
 * A push that waits for its answer, over as many connections as it takes.
 *
 * @since 0.1.0
 */
import type * as Frame from "@tidelog/sync-protocol/Frame"
import type * as LogEvent from "@tidelog/sync-protocol/LogEvent"
import type * as SyncError from "@tidelog/sync-protocol/SyncError"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { Ended, Exchange, Wire } from "./Exchange.ts"
import * as RequestText from "./RequestText.ts"
import { ConnectionLost, type ConnectionRefused, RequestFailed } from "./SyncClientError.ts"

/**
 * Why a part of a push was not stored.
 *
 * @since 0.1.0
 * @category models
 */
export type PushFailure = SyncError.SyncError | ConnectionRefused | RequestFailed

/**
 * A part of a push that somebody waits for.
 *
 * @since 0.1.0
 * @category models
 */
export interface PendingPush extends Exchange {
  /** Fails with `ConnectionLost` on a connection that it may not go over. */
  readonly await: Effect.Effect<void, PushFailure | ConnectionLost>
  /** Ends it from this side. */
  readonly fail: (error: PushFailure) => void
  /** Whether it went over more than one connection, so that it may be stored already. */
  readonly isRepeated: () => boolean
}

/**
 * `mayStart`: whether it may go over the present connection. `onHead` is called with a position that the log is
 * known to reach: that of the last event of an accepted push, or the head that a refused one should have started at.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: {
  readonly part: RequestText.PushPart
  readonly backendId: Option.Option<string>
  readonly mayStart: () => boolean
  readonly answerWithin: number
  readonly onHead: (head: LogEvent.SeqNum) => void
  readonly onSent: () => void
}): Effect.Effect<PendingPush> =>
  Effect.map(Deferred.make<void, PushFailure | ConnectionLost>(), (answer) => {
    let wire: Wire | undefined
    let id: Frame.RequestId | undefined
    let sentAt = 0
    let times = 0

    const settle = (exit: Exit.Exit<void, PushFailure | ConnectionLost>): void => {
      id = undefined
      Deferred.unsafeDone(answer, exit)
    }

    const pending: PendingPush = {
      await: Deferred.await(answer),
      fail: (error) => settle(Exit.fail(error)),
      isRepeated: () => times > 1,
      start: (next) => {
        if (!options.mayStart()) return settle(Exit.fail(new ConnectionLost()))
        wire = next
        id = next.claim(pending)
        sentAt = next.now()
        times += 1
        options.onSent()
        next.send(
          RequestText.push(id, next.claims, {
            events: options.part.events,
            backendId: options.backendId
          })
        )
      },
      lost: () => {
        wire = undefined
        id = undefined
      },
      // A push has one answer, and no pages.
      onChunk: () => {},
      onExit: (exit) => {
        const answer = asAnswer(exit)
        if (Exit.isSuccess(answer)) {
          options.onHead(options.part.last)
        } else if (answer.cause._tag === "Fail" && answer.cause.error._tag === "ServerAheadError") {
          options.onHead(answer.cause.error.minimumExpectedNum)
        }
        settle(answer)
      },
      dueAt: () =>
        wire === undefined || id === undefined
          ? Infinity
          : sentAt + options.answerWithin * wire.patience,
      overdue: () => wire?.leave("a push was not answered", { broken: false }),
      postpone: (ms) => {
        sentAt += ms
      }
    }
    return pending
  })

const asAnswer = (exit: Ended): Exit.Exit<void, PushFailure> => {
  if (exit !== undefined && Exit.isSuccess(exit)) return Exit.void
  const error = exit === undefined ? Option.none() : Cause.failureOption(exit.cause)
  return Exit.fail(
    Option.getOrElse(error, () => new RequestFailed({ message: "the server failed on a push" }))
  )
}
