/**
 * What a push comes to for those who are connected: who has pushed is told, after the events or what it is behind
 * on, and the others are sent them.
 *
 * @since 0.1.0
 */
import type { Frame, Message } from "@tidelog/sync-protocol"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Client from "./Client.ts"
import type { Clients } from "./Clients.ts"
import type { LogReplaced } from "./EventLog.ts"
import type { Pace } from "./Pace.ts"
import type * as Pushes from "./Pushes.ts"
import type { PushAnswer, SyncHooksService } from "./SyncHooks.ts"

/**
 * @since 0.1.0
 * @category models
 */
export interface AnsweredPushes {
  /** Stores a push, or does not, and answers it. `onSettled`: called in between. */
  readonly answer: (
    client: Client.Client,
    id: Frame.RequestId,
    request: Message.PushRequest,
    onSettled: () => void
  ) => Effect.Effect<void>
}

/**
 * `isExpired`: whether the authorisation of a client has ended. `closeExpired`: ends its connection for that.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: {
  readonly pushes: Pushes.Pushes
  readonly clients: Clients
  readonly hooks: Pick<SyncHooksService, "onPushRes">
  readonly pace: Pace
  readonly isExpired: (client: Client.Client) => boolean
  readonly closeExpired: (client: Client.Client) => Effect.Effect<void>
}): AnsweredPushes => {
  const { clients, hooks, isExpired, pace, pushes } = options

  /** Tells the app what a pusher was answered, if there was somebody to answer. */
  const tell = (client: Client.Client, answer: PushAnswer) => {
    if (client.open) hooks.onPushRes?.(answer, client.connection.session)
  }

  const answer: AnsweredPushes["answer"] = (client, id, request, onSettled) =>
    pushes
      .accept(request, client.connection.session, () => client.open && !isExpired(client))
      .pipe(
        Effect.onExit(() => {
          onSettled()
          return Effect.void
        }),
        Effect.matchEffect({
          onSuccess: () => {
            pace.pushed()
            // The pusher hears of the events before it hears of its push.
            const own = clients.pumpAll(client, true)
            if (own === Effect.void) {
              sendAccepted(client, id)
              return clients.pumpEveryone()
            }
            // Nobody else waits for what has to be read for it.
            const others = clients.pumpEveryone()
            const accepted = Effect.zipRight(
              own,
              Effect.sync(() => sendAccepted(client, id))
            )
            return Effect.all([accepted, others], { concurrency: "unbounded", discard: true })
          },
          onFailure: (error) =>
            Effect.zipRight(answerFailure(client, id, error), Effect.suspend(clients.pumpEveryone))
        })
      )

  const sendAccepted = (client: Client.Client, id: Frame.RequestId) => {
    Client.sendAccepted(client, id)
    tell(client, {})
  }

  const answerFailure = (
    client: Client.Client,
    id: Frame.RequestId,
    error: Pushes.PushError
  ): Effect.Effect<void> => {
    if (error._tag === "LogReplaced") return Client.asOf(client)(clients.closeReplaced)
    // It may have waited for its turn until then.
    if (isExpired(client)) return options.closeExpired(client)
    const answer = answerError(client, id, error)
    return Effect.zipRight(
      // Here as well: first what it is behind on, then that it is.
      error._tag === "ServerAheadError"
        ? Effect.zipRight(clients.pumpAll(client, true), answer)
        : answer,
      Effect.sync(() => tell(client, error))
    )
  }

  return { answer }
}

/** That a pusher is behind is no refusal: it happens all the time. */
const answerError = (
  client: Client.Client,
  id: Frame.RequestId,
  error: Exclude<Pushes.PushError, LogReplaced>
) => {
  switch (error._tag) {
    case "Refusal":
      return Client.refuse(client, id, error)
    case "BackendIdMismatchError":
      return Client.refuseOtherLog(client, id, error)
    case "ServerAheadError":
      return Effect.sync(() => Client.sendExit(client, id, Exit.fail(error)))
  }
}
