/**
 * Opening a pull: from here on, `Delivery` serves it.
 *
 * @since 0.1.0
 */
import { Handshake, LogEvent, Refusal, SyncError } from "@tidelog/sync-protocol"
import type { Frame, Limits, Message } from "@tidelog/sync-protocol"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Client from "./Client.ts"
import type * as Clients from "./Clients.ts"
import type { EventLogService } from "./EventLog.ts"
import type { Head } from "./Head.ts"
import type { SyncHooksService } from "./SyncHooks.ts"
import type { Tail } from "./Tail.ts"

/**
 * The beginning of pulls.
 *
 * @since 0.1.0
 * @category models
 */
export interface Pulls {
  /**
   * Opens a pull, and sends what there is for it. One that may not be opened is answered with the
   * reason.
   */
  readonly open: (
    client: Client.Client,
    requestId: Frame.RequestId,
    request: Message.PullRequest
  ) => Effect.Effect<void>
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: {
  readonly log: EventLogService
  readonly tail: Tail
  readonly head: Head
  readonly hooks: SyncHooksService
  readonly limits: Limits.LimitsService
  readonly clients: Clients.Clients
}): Pulls => {
  const { clients, head, hooks, limits, log, tail } = options

  /**
   * A cursor is the log's own if it has its id, and stands at an event that the log has: the same
   * one, where the cursor tells which.
   */
  const isOurs = Effect.fnUntraced(function* (cursor: Message.Cursor, answers: number) {
    if (cursor.backendId !== log.backendId) {
      // Or this is not the log any more, and the cursor is of the one that is.
      yield* head.confirmAfter(answers)
      return false
    }
    const { createdAt, eventSequenceNumber } = cursor
    // A moment ago will do for what is remembered, and not for what is said to be beyond it.
    if (eventSequenceNumber > tail.head()) yield* head.read
    if (eventSequenceNumber > tail.head()) return false
    if (createdAt === undefined || eventSequenceNumber === LogEvent.ROOT) return true
    const stored = tail.createdAt(eventSequenceNumber)
    return (stored ?? (yield* log.createdAt(eventSequenceNumber))) === createdAt
  })

  /** Why a pull may not be served, if it may not. */
  const check = Effect.fnUntraced(function* (client: Client.Client, request: Message.PullRequest) {
    const rejected =
      hooks.onPull === undefined
        ? undefined
        : yield* hooks.onPull(request, client.connection.session).pipe(
            Effect.as(undefined),
            Effect.catchTag("HookRefusal", ({ message }) =>
              Effect.succeed(new Refusal.Refusal({ name: "PullRejected", message }))
            )
          )
    if (rejected !== undefined) return rejected
    const answers = head.answers()
    // What is remembered may have gone from the log since.
    yield* head.confirm
    return Option.isNone(request.cursor) || (yield* isOurs(request.cursor.value, answers))
      ? undefined
      : new SyncError.BackendIdMismatchError({
          expected: log.backendId,
          received: request.cursor.value.backendId
        })
  })

  const serve = Effect.fnUntraced(function* (
    client: Client.Client,
    subscription: Client.Subscription,
    request: Message.PullRequest
  ) {
    const { requestId } = subscription
    const error = yield* Client.asOf(client)(check(client, request))
    // It may have been interrupted while it was checked, and then has its answer.
    if (client.subscriptions.get(requestId) !== subscription) return
    if (error === undefined) {
      subscription.admitted = true
      return yield* clients.pump(client, subscription)
    }
    client.subscriptions.delete(requestId)
    yield* error._tag === "Refusal"
      ? Client.refuse(client, requestId, error)
      : Client.refuseOtherLog(client, requestId, error)
  })

  return {
    open: (client, requestId, request) =>
      Effect.suspend(() => {
        if (client.subscriptions.size >= limits.maxSubscriptions) {
          return Client.refuse(
            client,
            requestId,
            new Refusal.Refusal({
              name: "TooManySubscriptions",
              message: `a connection may have ${limits.maxSubscriptions} open pulls`
            })
          )
        }
        const subscription = Client.makeSubscription({
          requestId,
          live: request.live,
          sparing: request.sparing === true,
          cursor: Option.match(request.cursor, {
            onNone: () => LogEvent.ROOT,
            onSome: (cursor) => cursor.eventSequenceNumber
          })
        })
        client.subscriptions.set(requestId, subscription)
        return Effect.catchTags(serve(client, subscription, request), {
          StorageError: clients.closeUnreadable(client),
          LogReplaced: () => Client.asOf(client)(clients.closeReplaced),
          // A pull that is refused is never asked for again; one whose connection is closed is.
          HookTimeout: ({ message }) =>
            clients.close(client, Handshake.CloseCode.tryAgainLater, message)
        })
      })
  }
}
