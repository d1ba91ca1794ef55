/**
 * The events of a store as text, page by page as it is read.
 *
 * @since 0.1.0
 */
import { Limits } from "@tidelog/sync-protocol"
import type { Handshake, LogEvent, SyncError } from "@tidelog/sync-protocol"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as AdminError from "../AdminError.ts"
import * as AdminOperation from "../AdminOperation.ts"
import { StoreObjects } from "../StoreObjects.ts"

const { maxPageBytes: maxBytes, maxPageEvents: maxEvents } = Limits.defaults

type Reading = Effect.Effect<typeof AdminOperation.Lines.Type, AdminError.OperationError>

/**
 * The lines after a position, and where the log ended before the first of them was read. The first page is
 * read before there is a stream, so that what is wrong with the store shows in time. The stream fails if the
 * log is replaced while it is read: the rest would be another log's. The platform ends the answer then as if
 * it were whole, so only who knows the head can tell.
 *
 * @since 0.1.0
 * @category operations
 */
export const run = Effect.fnUntraced(function* (options: {
  readonly storeId: Handshake.StoreId
  readonly after: LogEvent.SeqNum
}) {
  const objects = yield* StoreObjects

  const read = (after: LogEvent.SeqNum) =>
    objects.send(options.storeId, new AdminOperation.Read({ after, maxEvents, maxBytes }))

  const next = (after: LogEvent.SeqNum, backendId: SyncError.BackendId) =>
    Effect.filterOrFail(
      read(after),
      (page) => page.backendId === backendId,
      () => new AdminError.StoreUnavailable({ message: "the log was replaced meanwhile" })
    )

  const { head } = yield* objects.send(options.storeId, new AdminOperation.Head())
  const first = yield* read(options.after)
  const start: Reading = Effect.succeed(first)
  const texts = Stream.paginateEffect(start, (reading) =>
    Effect.map(reading, ({ backendId, last, text }) => [
      text,
      Option.map(Option.fromNullable(last), (after): Reading => next(after, backendId))
    ])
  ).pipe(
    Stream.tapError(({ message }) =>
      Effect.logWarning("export broke off").pipe(
        Effect.annotateLogs({ storeId: options.storeId, reason: message })
      )
    )
  )
  return { head, texts }
})
