/**
 * Before LiveStore discards its log because the server's is another one, what was never stored is offered to the
 * app.
 *
 * LiveStore pushes batch after batch, the next as soon as one is accepted. So each that comes once the other log
 * is known is taken, and called accepted, until no more come: then this holds all that LiveStore was going to
 * push. Accepted events stay pending until they are pulled, so nothing is lost if the log is not discarded.
 *
 * @since 0.1.0
 */
import type { LogEvent, SyncError } from "@tidelog/sync-protocol"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { evaluate } from "./internal/evaluate.ts"

/**
 * Takes the events, ascending. What it promises or succeeds with is waited for, for at most 10 s.
 *
 * @since 0.1.0
 * @category models
 */
export type OnUnconfirmed = (events: ReadonlyArray<LogEvent.LogEvent>) => unknown

/**
 * @since 0.1.0
 * @category models
 */
export interface Salvage {
  /** A push of LiveStore's, guarded. */
  readonly push: <E>(
    batch: ReadonlyArray<LogEvent.LogEvent>,
    push: Effect.Effect<void, E | SyncError.BackendIdMismatchError>
  ) => Effect.Effect<void, E | SyncError.BackendIdMismatchError>
  /** A pull of LiveStore's: that the log is another one it tells after the offer. */
  readonly pull: <A, E>(
    pull: Stream.Stream<A, E | SyncError.BackendIdMismatchError>
  ) => Stream.Stream<A, E | SyncError.BackendIdMismatchError>
}

/** Between two batches of LiveStore's; whoever waits longer has none. */
const QUIET = "250 millis"

/** For all of them, and then for the app. */
const AT_MOST = "10 seconds"

/**
 * Lives as long as its scope.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (onUnconfirmed: OnUnconfirmed): Effect.Effect<Salvage, never, Scope.Scope> =>
  Effect.map(Effect.scope, (scope) => {
    type OtherLog = SyncError.BackendIdMismatchError
    const started = Effect.unsafeMakeLatch(false)
    const came = Effect.unsafeMakeLatch(false)
    /** Fails when the app has been told, so that LiveStore may be. */
    let told = Deferred.unsafeMake<never, OtherLog>(FiberId.none)
    const events = new Map<LogEvent.SeqNum, LogEvent.LogEvent>()
    let isStarted = false
    let pulls = 0

    const noMoreCome: Effect.Effect<void> = Effect.suspend(() => {
      came.unsafeClose()
      return Effect.raceFirst(Effect.sleep(QUIET), Effect.zipRight(came.await, noMoreCome))
    })

    const offer = Effect.gen(function* () {
      yield* Effect.timeoutOption(noMoreCome, AT_MOST)
      const ascending = Array.from(events.values()).toSorted((a, b) => a.seqNum - b.seqNum)
      events.clear()
      if (ascending.length === 0) return
      yield* Effect.annotateLogs(
        Effect.logWarning("the server's log is another one: some events were never stored"),
        { events: ascending.length }
      )
      const outcome = yield* evaluate(() => onUnconfirmed(ascending)).pipe(
        Effect.disconnect,
        Effect.timeoutOption(AT_MOST),
        Effect.map(Option.getOrElse(() => Exit.fail("it took too long")))
      )
      if (Exit.isFailure(outcome)) yield* Effect.logError("onUnconfirmed failed", outcome.cause)
    })

    /** The log is another one. What comes of it fails with that once the app has been told. */
    const begin = (error: OtherLog): Effect.Effect<Deferred.Deferred<never, OtherLog>> =>
      Effect.suspend(() => {
        const current = told
        if (isStarted) return Effect.succeed(current)
        isStarted = true
        started.unsafeOpen()
        const over = Effect.suspend(() => {
          isStarted = false
          started.unsafeClose()
          told = Deferred.unsafeMake(FiberId.none)
          return Deferred.fail(current, error)
        })
        return Effect.as(Effect.forkIn(Effect.zipRight(offer, over), scope), current)
      })

    const take = (batch: ReadonlyArray<LogEvent.LogEvent>): void => {
      for (const event of batch) events.set(event.seqNum, event)
      came.unsafeOpen()
    }

    return {
      push: (batch, push) =>
        Effect.suspend(() =>
          isStarted
            ? Effect.succeed(told)
            : Effect.raceFirst(
                Effect.as(push, undefined),
                Effect.map(started.await, () => told)
              )
        ).pipe(
          Effect.catchIf(isOtherLog, begin),
          Effect.flatMap((told) => {
            if (told === undefined) return Effect.void
            take(batch)
            // Only a pull can tell LiveStore of it, once this is called accepted.
            return pulls > 0 ? Effect.void : Deferred.await(told)
          })
        ),
      pull: <A, E>(pull: Stream.Stream<A, E | OtherLog>): Stream.Stream<A, E | OtherLog> =>
        Stream.suspend(() => {
          pulls += 1
          return pull
        }).pipe(
          Stream.catchAll((error): Stream.Stream<never, E | OtherLog> =>
            isOtherLog(error)
              ? Stream.fromEffect(Effect.flatMap(begin(error), Deferred.await))
              : Stream.fail(error)
          ),
          Stream.interruptWhen(
            Effect.zipRight(
              started.await,
              Effect.suspend(() => Deferred.await(told))
            )
          ),
          Stream.ensuring(
            Effect.sync(() => {
              pulls -= 1
            })
          )
        )
    }
  })

const isOtherLog = (error: unknown): error is SyncError.BackendIdMismatchError =>
  Predicate.isTagged(error, "BackendIdMismatchError")
