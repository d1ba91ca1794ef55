/**
 * A pull, from its first request to its last page, over as many connections as it takes.
 *
 * What arrives is checked against the chain and waits in an inbox; what is taken from there is
 * acknowledged. Two positions matter: `received`, the end of what has arrived, from where gaps are
 * mended; and `taken`, the end of what the consumer has, from where the next connection goes on.
 *
 * @since 0.1.0
 */
import { type Frame, type LogEvent, type Message, SyncError } from "@tidelog/sync-protocol"
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { Ended, Exchange, Wire } from "./Exchange.ts"
import * as PullState from "./PullState.ts"
import * as RequestText from "./RequestText.ts"
import { ConnectionLost, RequestFailed } from "./SyncClientError.ts"

/**
 * Why a pull ended without its last page.
 *
 * @since 0.1.0
 * @category models
 */
export type PullFailure = SyncError.SyncError | ConnectionLost | RequestFailed

/**
 * A pull that somebody takes pages from.
 *
 * @since 0.1.0
 * @category models
 */
export interface OpenPull extends Exchange {
  /** The next page; fails with `None` after the last. */
  readonly take: Effect.Effect<Chunk.Chunk<Message.PullResponse>, Option.Option<PullFailure>>
  /** The log is known to reach `head`, so a live pull is owed the events up to there. */
  readonly expect: (head: LogEvent.SeqNum) => void
  /** Nobody takes pages any more. */
  readonly close: () => void
}

/** Pages that wait for their consumer before further ones are put off. Servers send 16 unasked. */
const MAX_WAITING_PAGES = 32

/** How often a pull is asked again on one connection without a new event, before that is given up. */
const MAX_FRUITLESS = 1

/** How many connections in a row a pull may fail on without a new event, before that is final. */
const MAX_FAILED = 3

interface Waiting {
  readonly page: Message.PullResponse
  readonly cursor: LogEvent.SeqNum
  /** When the event at the cursor was accepted. */
  readonly createdAt: string | undefined
  /** The request to acknowledge to, on the last page of a chunk. */
  readonly acknowledge: Frame.RequestId | undefined
}

/**
 * `cursor`: the last event that the caller has, 0 if none. `createdAt`: when that one was accepted,
 * if the caller knows. `backendId`: the log that it is of, `None` if the caller does not know.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: {
  readonly live: boolean
  readonly cursor: LogEvent.SeqNum
  readonly createdAt?: string | undefined
  readonly backendId: Option.Option<string>
  readonly answerWithin: number
  readonly echoWithin: number
}): OpenPull => {
  const news = Effect.unsafeMakeLatch(false)
  let wire: Wire | undefined
  let id: Frame.RequestId | undefined

  let inbox: Array<Waiting> = []
  let taken = options.cursor
  let received = options.cursor
  let takenAt = options.createdAt
  let receivedAt = options.createdAt
  let backendId = options.backendId
  // Whether the last page that was taken, and the last that was received, was the last for now.
  let takenAll: boolean | undefined
  let receivedAll: boolean | undefined

  // The log is known to reach this far: by a page that did not fit, or by the answer to a push.
  let gapUpTo: LogEvent.SeqNum = 0
  let expected: LogEvent.SeqNum = 0
  // Whether the server is to send a page, and since when.
  let owed = false
  let owedSince = 0
  let fruitless = 0
  let failed = 0
  let ended: Exit.Exit<void, PullFailure> | undefined

  const request = (wire: Wire): void => {
    id = wire.claim(pull)
    owed = true
    owedSince = wire.now()
    wire.send(
      RequestText.pull(id, wire.claims, {
        live: options.live,
        cursor:
          received === 0
            ? Option.none()
            : Option.map(backendId, (backendId) => ({
                backendId,
                eventSequenceNumber: received,
                createdAt: receivedAt
              }))
      })
    )
  }

  const interrupt = (): void => {
    if (id === undefined) return
    wire?.send(RequestText.interrupt(id))
    wire?.release(id)
    id = undefined
  }

  /** Asks again from the end of what has arrived, unless that has been in vain. */
  const askAgain = (why: string): void => {
    if (wire === undefined) return
    interrupt()
    fruitless += 1
    if (fruitless > MAX_FRUITLESS) wire.leave(why, { broken: true })
    else request(wire)
  }

  /** While a page is owed, it may close the gap; while pages wait, there is no hurry. */
  const mendGap = (): void => {
    if (received < gapUpTo && !owed && inbox.length === 0) askAgain("pages of a pull are missing")
  }

  const end = (exit: Exit.Exit<void, PullFailure>): void => {
    // The official server goes on sending to a pull that has ended, until it is interrupted.
    interrupt()
    ended = exit
    owed = false
    news.unsafeOpen()
  }

  const accept = (page: Message.PullResponse): Waiting | undefined => {
    if (Option.isSome(backendId) && received > 0 && page.backendId !== backendId.value) {
      end(
        Exit.fail(
          new SyncError.BackendIdMismatchError({
            expected: page.backendId,
            received: backendId.value
          })
        )
      )
      return undefined
    }
    const reading = PullState.read(received, page)
    const full = inbox.length >= MAX_WAITING_PAGES
    // A page that brings nothing new takes no room, and leaves no gap to ask again for.
    if (reading._tag === "Gap" || (full && reading.cursor > received)) {
      gapUpTo = Math.max(gapUpTo, reading._tag === "Gap" ? reading.upTo : reading.cursor)
      if (full) {
        interrupt()
        owed = false
      }
      return undefined
    }
    if (reading.cursor > received) {
      fruitless = 0
      failed = 0
      receivedAt = reading.page.batch.at(-1)?.metadata.pipe(
        Option.map(({ createdAt }) => createdAt),
        Option.getOrUndefined
      )
    }
    received = reading.cursor
    backendId = Option.some(page.backendId)
    const all = page.pageInfo._tag === "NoMore"
    // A page without events says something only if it is the first to say that there are no more.
    const says = reading.page.batch.length > 0 || (all && receivedAll !== true)
    if (says) receivedAll = all
    owed = !all
    if (!says) return undefined
    return { page: reading.page, cursor: received, createdAt: receivedAt, acknowledge: undefined }
  }

  const onChunk = (chunk: Frame.Chunk): void => {
    if (ended !== undefined || wire === undefined) return
    owedSince = wire.now()
    const waiting: Array<Waiting> = []
    for (const page of chunk.values) {
      const next = accept(page)
      if (ended !== undefined) return
      if (next !== undefined) waiting.push(next)
      // Put off: the rest of the chunk comes again with the next request.
      if (id === undefined) break
    }
    const last = waiting.pop()
    if (last === undefined) {
      if (id !== undefined) wire.send(RequestText.ack(chunk.requestId))
    } else {
      inbox.push(...waiting, { ...last, acknowledge: chunk.requestId })
      news.unsafeOpen()
    }
    mendGap()
  }

  const onExit = (exit: Ended): void => {
    if (ended !== undefined) return
    if (exit !== undefined && Exit.isSuccess(exit)) {
      // LiveStore would never pull again.
      if (options.live) askAgain("the server ends a live pull")
      else end(Exit.void)
      return
    }
    const error = exit === undefined ? Option.none() : Cause.failureOption(exit.cause)
    if (Option.isSome(error)) return end(Exit.fail(error.value))
    // A defect, an interruption that nobody asked for, or an answer in another dialect. It may pass
    // with a new connection; if it does not, it is final.
    failed += 1
    const why = "the server failed on a pull"
    if (failed < MAX_FAILED || (exit !== undefined && Cause.isInterruptedOnly(exit.cause))) {
      wire?.leave(why, { broken: true })
    } else {
      end(Exit.fail(new RequestFailed({ message: why })))
    }
  }

  const take: OpenPull["take"] = Effect.suspend(() => {
    const next = inbox.shift()
    if (next !== undefined) {
      taken = next.cursor
      takenAt = next.createdAt
      takenAll = next.page.pageInfo._tag === "NoMore"
      if (wire !== undefined) {
        if (next.acknowledge !== undefined && next.acknowledge === id) {
          wire.send(RequestText.ack(next.acknowledge))
        }
        owedSince = wire.now()
        mendGap()
      }
      return Effect.succeed(Chunk.of(next.page))
    }
    if (ended !== undefined) {
      return Exit.isSuccess(ended)
        ? Effect.fail(Option.none())
        : Effect.mapError(Effect.failCause(ended.cause), Option.some)
    }
    if (takenAll === false && wire === undefined) {
      ended = Exit.fail(new ConnectionLost())
      return Effect.fail(Option.some(new ConnectionLost()))
    }
    news.unsafeClose()
    return Effect.zipRight(news.await, take)
  })

  const isOwed = () =>
    id !== undefined && inbox.length === 0 && (owed || received < Math.max(gapUpTo, expected))

  const pull: OpenPull = {
    take,
    onChunk,
    onExit,
    start: (next) => {
      if (ended !== undefined) return
      wire = next
      request(next)
    },
    lost: () => {
      wire = undefined
      id = undefined
      if (ended !== undefined) return
      // What was not taken is pulled again: LiveStore handles no page while it is offline.
      inbox = []
      received = taken
      receivedAt = takenAt
      receivedAll = takenAll
      owed = false
      fruitless = 0
      news.unsafeOpen()
    },
    expect: (head) => {
      if (!options.live || wire === undefined || received >= head) return
      if (received >= expected && !owed) owedSince = wire.now()
      expected = Math.max(expected, head)
    },
    close: () => {
      interrupt()
      ended = Exit.void
      wire = undefined
    },
    dueAt: () =>
      wire !== undefined && isOwed()
        ? owedSince + (owed ? options.answerWithin * wire.patience : options.echoWithin)
        : Infinity,
    overdue: () => {
      if (owed) wire?.leave("a pull was not answered", { broken: false })
      else askAgain("events that were pushed are missing")
    },
    postpone: (ms) => {
      owedSince += ms
    }
  }
  return pull
}
