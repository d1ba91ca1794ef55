/**
 * Whether a push that was refused as behind is in the log already: its answer was lost with a connection, and the
 * server, unlike this project's, does not know it again.
 *
 * @since 0.1.0
 */
import type * as LogEvent from "@tidelog/sync-protocol/LogEvent"
import type * as Message from "@tidelog/sync-protocol/Message"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

/**
 * Reads the log from where the batch would start. `pullFrom`: a pull that is not live.
 *
 * @since 0.1.0
 * @category operations
 */
export const isStored = <E>(
  batch: ReadonlyArray<LogEvent.LogEvent>,
  pullFrom: (cursor: LogEvent.SeqNum) => Stream.Stream<Message.PullResponse, E>
): Effect.Effect<boolean> => {
  const [first] = batch
  const last = batch.at(-1)
  if (first === undefined || last === undefined) return Effect.succeed(true)
  return pullFrom(first.parentSeqNum).pipe(
    Stream.takeUntil(
      ({ batch: [...page] }) => (page.at(-1)?.eventEncoded.seqNum ?? 0) >= last.seqNum
    ),
    Stream.runFold<ReadonlyArray<LogEvent.LogEvent>, Message.PullResponse>([], (read, page) => [
      ...read,
      ...page.batch.map(({ eventEncoded }) => eventEncoded)
    ]),
    Effect.map((stored) => batch.every((event, index) => textOf(event) === textOf(stored[index]))),
    Effect.orElseSucceed(() => false)
  )
}

/** A server keeps the order of keys, and the official one gives `null` for arguments that are absent. */
const textOf = (event: LogEvent.LogEvent | undefined): string =>
  JSON.stringify([
    event?.name,
    event?.args ?? null,
    event?.seqNum,
    event?.parentSeqNum,
    event?.clientId,
    event?.sessionId
  ])
