// What is done to a store from outside its clients, in its object: by the server that is in memory, by one that
// is started for it, or without any.
import type { Handshake } from "@tidelog/sync-protocol"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Predicate from "effect/Predicate"
import * as AdminError from "../AdminError.ts"
import * as AdminOperation from "../AdminOperation.ts"
import * as OperationText from "../OperationText.ts"
import type { Activations } from "./activations.ts"
import * as LiveServer from "./liveServer.ts"
import type { ObjectAlarm } from "./objectAlarm.ts"
import { runOperation } from "./runOperation.ts"
import * as Sleeping from "./sleeping.ts"

type Operated = Effect.Effect<
  AdminOperation.Result,
  AdminError.OperationError | LiveServer.StartFailed
>

/** Whether nothing is left of a store after an operation. */
const isGone = ({ _tag }: AdminOperation.Operation, result: AdminOperation.Result): boolean =>
  _tag === "Delete" || (Predicate.hasProperty(result, "discarded") && result.discarded)

export const make = (options: {
  readonly state: LiveServer.ObjectState
  readonly alarm: Pick<ObjectAlarm, "gone">
  readonly activations: Activations<
    Handshake.StoreId,
    LiveServer.LiveServer,
    LiveServer.StartFailed
  >
  /** Whether a client has been connected to a server. */
  readonly isVisited: (live: LiveServer.LiveServer) => boolean
  /** Ends what an identity has without a socket, while no server is in memory. How much. */
  readonly revokeOthers: (identity: unknown) => Effect.Effect<number>
}) => {
  const { activations, alarm, isVisited, revokeOthers, state } = options

  /** Everything that is left of the object. Its alarm goes with it only on newer platforms. */
  const deleteAll = Effect.tryPromise(() => state.storage.deleteAlarm()).pipe(
    Effect.zipRight(Effect.tryPromise(() => state.storage.deleteAll())),
    Effect.ignoreLogged,
    Effect.zipRight(Effect.sync(alarm.gone)),
    Effect.provide(Logger.json)
  )

  const run = (
    { runtime, server }: LiveServer.LiveServer,
    storeId: Handshake.StoreId,
    operation: AdminOperation.Operation
  ) =>
    runOperation(server.admin, operation).pipe(
      Effect.annotateLogs({ storeId }),
      Effect.provide(runtime)
    )

  /**
   * Ends an access at once, whatever the storage does: nothing is started for it, and so nothing is
   * made. If the server is just starting, those who wait for it are let in first: a socket that is
   * closed before the response that opens it is out stays half open for seconds.
   */
  const revoke = (storeId: Handshake.StoreId, operation: AdminOperation.Revoke) =>
    Effect.suspend(() => {
      const current = activations.current()
      if (current !== undefined) return run(current, storeId, operation)
      const sleeping = Effect.zipWith(
        Sleeping.revoke(state, operation.identity),
        revokeOthers(operation.identity),
        (sockets, subscriptions) => sockets + subscriptions
      )
      return Effect.flatMap(sleeping, (closed) => {
        const pending = activations.pending()
        if (pending === undefined) return Effect.succeed({ closed })
        return Effect.flatMap(Effect.zipLeft(pending, Effect.sleep(0)), ({ runtime, server }) =>
          Effect.provide(server.admin.revoke(operation.identity), runtime)
        ).pipe(
          Effect.map((more) => ({ closed: closed + more })),
          Effect.orElseSucceed(() => ({ closed }))
        )
      })
    })

  /** Nobody has the store open: neither is its server in memory, nor is there a socket. */
  const isIdle = () => activations.pending() === undefined && state.getWebSockets().length === 0

  /** A log that is lost cannot be renewed; the one that is made in its place is a new one anyway. */
  const reopen = (storeId: Handshake.StoreId, operation: AdminOperation.Reopen) =>
    Effect.suspend((): Operated =>
      isIdle()
        ? Effect.succeed({})
        : Effect.catchTag(change(storeId, operation), "StoreUnavailable", () =>
            Effect.map(activations.get(storeId), ({ server }) => ({
              backendId: server.admin.backendId
            }))
          )
    )

  /** A client may have the backendId of a store, also of an empty one: then it has to stay. */
  const isUnknown = (live: LiveServer.LiveServer) => live.server.admin.isNew && !isVisited(live)

  const discard = (storeId: Handshake.StoreId, operation: AdminOperation.Discard) =>
    Effect.suspend((): Operated => {
      const current = activations.current()
      return current === undefined || !isUnknown(current)
        ? Effect.succeed({ discarded: false })
        : replace(current, storeId, operation)
    })

  const operate = (storeId: Handshake.StoreId, operation: AdminOperation.Operation): Operated => {
    if (operation._tag === "Revoke") return revoke(storeId, operation)
    if (operation._tag === "Reopen") return reopen(storeId, operation)
    if (operation._tag === "Discard") return discard(storeId, operation)
    return change(storeId, operation)
  }

  /**
   * Runs an operation that replaces the log. It is alone with it: whoever connects meanwhile is put off,
   * and afterwards the server is started again.
   */
  const replace = (
    active: LiveServer.LiveServer,
    storeId: Handshake.StoreId,
    operation: AdminOperation.Operation
  ): Operated =>
    activations.replace(
      new LiveServer.StartFailed({
        reason: "the log of the store is being replaced",
        cause: new Error("the log is being replaced")
      }),
      // Those who have just been let in get to know that before they hear of an end.
      Effect.sleep(0).pipe(
        Effect.zipRight(run(active, storeId, operation)),
        // Before anybody can open the store anew, and lose what they store in it.
        Effect.tap((result) => (isGone(operation, result) ? deleteAll : Effect.void)),
        Effect.ensuring(LiveServer.letGo(active))
      )
    )

  /** A store that was made by asking about it is deleted again. */
  const notFound = (active: LiveServer.LiveServer, storeId: Handshake.StoreId) =>
    Effect.zipRight(
      replace(active, storeId, new AdminOperation.Discard()),
      new AdminError.StoreNotFound()
    )

  /** Runs an operation in the server of its store, started for it if need be. */
  const change = (storeId: Handshake.StoreId, operation: AdminOperation.Operation) =>
    Effect.flatMap(activations.get(storeId), (active) => {
      const isMade = AdminOperation.needsStore(operation) && isUnknown(active)
      if (isMade && active.server.admin.isEmpty()) return notFound(active, storeId)
      const running = run(active, storeId, operation)
      if (!AdminOperation.replacesLog(operation)) {
        return Effect.catchTag(running, "StoreUnavailable", (error) =>
          active.server.isReplaced()
            ? Effect.flatMap(activations.get(storeId), (next) => run(next, storeId, operation))
            : error
        )
      }
      return replace(active, storeId, operation)
    })

  /** Runs an `AdminOperation` that has come as text, and answers as text. */
  const answer = (text: string): Effect.Effect<string> =>
    OperationText.answer(text, (storeId, operation) =>
      operate(storeId, operation).pipe(
        Effect.catchTag(
          "StartFailed",
          () => new AdminError.StoreUnavailable({ message: LiveServer.CANNOT_OPEN })
        )
      )
    )

  return { answer }
}
