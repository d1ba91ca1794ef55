// What an operation on a store is to the server of that store.
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as AdminError from "../AdminError.ts"
import type * as AdminOperation from "../AdminOperation.ts"
import type { LogReplaced, StorageError } from "../EventLog.ts"
import type { PushError } from "../Pushes.ts"
import type { StoreAdmin } from "../StoreAdmin.ts"

/** Runs an operation on the server of its store. */
export const runOperation = (
  admin: StoreAdmin,
  operation: AdminOperation.Operation
): Effect.Effect<AdminOperation.Result, AdminError.OperationError> => {
  switch (operation._tag) {
    case "Info":
      return available(admin.info)
    case "Head":
      return Effect.map(available(admin.head), (head) => ({ head }))
    case "Read":
      return Effect.map(available(admin.read(operation.after, operation)), (entries) => ({
        backendId: admin.backendId,
        text: entries.map(({ json }) => `${json}\n`).join(""),
        last: entries.at(-1)?.seqNum
      }))
    case "Restore":
      return Effect.mapError(admin.restore(operation.events), whyNotRestored)
    case "Reset":
      return Effect.map(available(admin.reset), (backendId) => ({ backendId }))
    case "Renew":
      return Effect.map(available(admin.renew), (backendId) => ({ backendId }))
    case "Reopen":
      // That the log is lost is what it is for.
      return admin.renew.pipe(
        Effect.map((backendId) => ({ backendId })),
        Effect.mapError(unavailable)
      )
    case "Delete":
      return available(admin.remove)
    case "Discard":
      return Effect.map(available(admin.discard), (discarded) => ({ discarded }))
    case "Revoke":
      return Effect.map(admin.revoke(operation.identity), (closed) => ({ closed }))
  }
}

/** The storage's own words stay in the server's log. */
const available = <A>(effect: Effect.Effect<A, LogReplaced | StorageError>) =>
  effect.pipe(
    // That the log was replaced has had its line.
    Effect.tapErrorTag("StorageError", (error) =>
      Effect.logError(error.message, Cause.fail(error))
    ),
    Effect.mapError(unavailable)
  )

const unavailable = ({ message }: LogReplaced | StorageError) =>
  new AdminError.StoreUnavailable({ message })

const whyNotRestored = (error: PushError): AdminError.OperationError => {
  switch (error._tag) {
    case "ServerAheadError":
      return AdminError.NotAtHead.at(error.minimumExpectedNum)
    case "BackendIdMismatchError":
    case "LogReplaced":
      return new AdminError.StoreUnavailable({ message: "the store is another one now" })
    case "Refusal":
      return error.name === "StorageUnavailable"
        ? new AdminError.StoreUnavailable({ message: error.message })
        : new AdminError.InvalidEvents({ message: error.message })
  }
}
