/**
 * A pull, from its first request to its last page, over as many connections as it takes.
 *
 * What arrives is checked against the chain and waits in an inbox. Gaps are mended, and later connections go on,
 * from the end of what has arrived.
 *
 * @since 0.1.0
 */
import type * as Frame from "@tidelog/sync-protocol/Frame"
import type * as LogEvent from "@tidelog/sync-protocol/LogEvent"
import type * as Message from "@tidelog/sync-protocol/Message"
import * as SyncError from "@tidelog/sync-protocol/SyncError"
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Acknowledging from "./Acknowledging.ts"
import type { Ended, Exchange, Wire } from "./Exchange.ts"
import * as Inbox from "./Inbox.ts"
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
  readonly live: boolean
  /** The next page; fails with `None` after the last. */
  readonly take: Effect.Effect<Chunk.Chunk<Message.PullResponse>, Option.Option<PullFailure>>
  /** The log is known to reach `head`, so a live pull is owed the events up to there. */
  readonly expect: (head: LogEvent.SeqNum) => void
  /** Asks again now, if the server has refused it and it waits. */
  readonly retry: () => void
  /** Nobody takes pages any more. */
  readonly close: () => void
}

/** On a slow link it is given less, ms after the first of it has come. */
const GATHER_WITHIN = 1_000

/** How often a pull is asked again on one connection without a new event, before that is given up. */
const MAX_FRUITLESS = 1

/** How many connections in a row a pull that is not live may fail on without a new event. */
const MAX_FAILED = 3

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
  /** How long a live pull waits after it was refused. */
  readonly rejectedAfter: number
  /** Told why a live pull gets nothing, and, once it does, of nothing. */
  readonly onRejected: (error: SyncError.SyncError | RequestFailed | undefined) => void
  /** Told of events as they arrive, each once. */
  readonly onEvents: (batch: ReadonlyArray<Message.PulledEvent>) => void
  /** Told, by the first answer to each request, whether the server is one of this project's. */
  readonly onGreeting: (wire: Wire, isGreeted: boolean) => void
}): OpenPull => {
  const news = Effect.unsafeMakeLatch(false)
  let wire: Wire | undefined
  let id: Frame.RequestId | undefined

  const inbox = Inbox.make()
  let gatheredSince = 0

  let received = options.cursor
  let receivedAt = options.createdAt
  let backendId = options.backendId
  // Whether the last page that was taken, and the last that was received, was the last for now.
  let takenAll: boolean | undefined
  let receivedAll: boolean | undefined

  // Whether a request has been answered: what a server says of itself comes with the first page.
  let isAnswered = false
  let acknowledging = Acknowledging.make()

  // The log is known to reach this far: by a page that did not fit, or by the answer to a push.
  let gapUpTo: LogEvent.SeqNum = 0
  let expected: LogEvent.SeqNum = 0
  // Whether the server is to send a page, and since when.
  let owed = false
  let owedSince = 0
  let fruitless = 0
  let failed = 0
  /** When to ask again, after this was refused, or in vain. */
  let askAt: number | undefined
  let isRejected = false
  let ended: Exit.Exit<void, PullFailure> | undefined

  const request = (wire: Wire): void => {
    askAt = undefined
    id = wire.claim(pull)
    isAnswered = false
    owed = true
    owedSince = wire.now()
    acknowledging = Acknowledging.make()
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

  const accepted = (): void => {
    if (isRejected) options.onRejected(undefined)
    isRejected = false
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

  /** It may pass. LiveStore would never pull again, so a live pull waits, and is asked again. */
  const reject = (error: SyncError.SyncError | RequestFailed): void => {
    id = undefined
    owed = false
    gapUpTo = 0
    askAt = wire === undefined ? undefined : wire.now() + options.rejectedAfter
    isRejected = true
    options.onRejected(error)
  }

  /**
   * While a page is owed, it may close the gap; while pages wait, there is no hurry. What is asked for again, and
   * has the same gap, is no chain.
   */
  const mendGap = (): void => {
    if (received >= gapUpTo || owed || !inbox.isEmpty()) return
    if (fruitless < MAX_FRUITLESS) return askAgain("pages of a pull are missing")
    const error = new RequestFailed({ message: `the log has no event that follows ${received}` })
    interrupt()
    if (options.live) reject(error)
    else end(Exit.fail(error))
  }

  const acknowledge = (count: number, isLive: boolean): void => {
    if (id === undefined) return
    const chunks = acknowledging.taken(count, isLive)
    if (chunks === 0) return
    wire?.send(RequestText.ack(id, chunks))
    // From now on the server may go on.
    if (wire !== undefined) owedSince = wire.now()
  }

  const end = (exit: Exit.Exit<void, PullFailure>): void => {
    // The official server goes on sending to a pull that has ended, until it is interrupted.
    interrupt()
    ended = exit
    owed = false
    news.unsafeOpen()
  }

  /** Takes in a page. What of it is for the consumer, if anything is. */
  const accept = (page: Message.PullResponse): Message.PullResponse | undefined => {
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
    gapUpTo = Math.max(gapUpTo, reading.gapUpTo)
    // A page that brings nothing new takes no room, and leaves no gap to ask again for.
    if (inbox.isFull() && (reading.cursor > received || reading.gapUpTo > 0)) {
      gapUpTo = Math.max(gapUpTo, reading.cursor)
      interrupt()
      owed = false
      return undefined
    }
    if (reading.gapUpTo === 0) accepted()
    else if (reading.cursor === received) return undefined
    if (reading.cursor > received) {
      fruitless = 0
      failed = 0
      receivedAt = reading.page.batch.at(-1)?.metadata.pipe(
        Option.map(({ createdAt }) => createdAt),
        Option.getOrUndefined
      )
      options.onEvents(reading.page.batch)
    }
    received = reading.cursor
    backendId = Option.some(page.backendId)
    const all = reading.page.pageInfo._tag === "NoMore"
    // A page without events says something only if it is the first to say that there are no more.
    const says = reading.page.batch.length > 0 || (all && receivedAll !== true)
    if (says) receivedAll = all
    // Behind a gap more may be on its way, or not: `page` knows whether.
    owed = page.pageInfo._tag !== "NoMore"
    return says ? reading.page : undefined
  }

  const onChunk = ({ requestId, server, values }: Frame.Chunk, size: number): void => {
    if (ended !== undefined || wire === undefined) return
    if (server?.sparingAcks === true) acknowledging.spare()
    // What is put off is answered later.
    if (!isAnswered && values[0].pageInfo._tag !== "MoreUnknown") {
      isAnswered = true
      options.onGreeting(wire, server !== undefined)
    }
    owedSince = wire.now()
    const pages: Array<Message.PullResponse> = []
    for (const value of values) {
      const page = accept(value)
      if (ended !== undefined) return
      if (page !== undefined) pages.push(page)
      // Put off: the rest of the chunk comes again with the next request.
      if (id === undefined) break
    }
    const [first, ...others] = pages
    if (first === undefined) acknowledge(0, true)
    else {
      if (inbox.isEmpty()) gatheredSince = wire.now()
      inbox.add([first, ...others], size, ({ batch, pageInfo }) => {
        if (id === requestId) acknowledge(batch.length, pageInfo._tag === "NoMore")
      })
      news.unsafeOpen()
    }
    mendGap()
  }

  const onExit = (exit: Ended): void => {
    if (ended !== undefined) return
    if (exit !== undefined && Exit.isSuccess(exit)) {
      // LiveStore would never pull again.
      if (options.live) return askAgain("the server ends a live pull")
      owed = false
      return received < gapUpTo ? mendGap() : end(Exit.void)
    }
    const error = exit === undefined ? Option.none() : Cause.failureOption(exit.cause)
    if (Option.isSome(error)) {
      if (!options.live || error.value._tag === "BackendIdMismatchError") {
        return end(Exit.fail(error.value))
      }
      return reject(error.value)
    }
    // A defect, an interruption that nobody asked for, or an answer in another dialect. It may pass
    // with a new connection; for whoever does not follow the log it is final if it does not.
    failed += 1
    const why = "the server failed on a pull"
    const isFinal =
      !options.live
      && failed >= MAX_FAILED
      && !(exit !== undefined && Cause.isInterruptedOnly(exit.cause))
    if (isFinal) end(Exit.fail(new RequestFailed({ message: why })))
    else wire?.leave(why, { broken: true })
  }

  /** For how long to wait, in ms, for more that is on its way and better comes together with what waits. */
  const gathersFor = (): number =>
    wire !== undefined && ended === undefined && owed && !inbox.isEmpty() && !inbox.isReady()
      ? gatheredSince + GATHER_WITHIN - wire.now()
      : 0

  const take: OpenPull["take"] = Effect.suspend(() => {
    if (ended === undefined && takenAll === false && wire === undefined) {
      ended = Exit.fail(new ConnectionLost())
      inbox.clear()
    }
    const wait = gathersFor()
    const page = wait > 0 ? undefined : inbox.take()
    if (page !== undefined) {
      takenAll = page.pageInfo._tag === "NoMore"
      mendGap()
      return Effect.succeed(Chunk.of(page))
    }
    if (ended !== undefined) {
      return Exit.isSuccess(ended)
        ? Effect.fail(Option.none())
        : Effect.mapError(Effect.failCause(ended.cause), Option.some)
    }
    news.unsafeClose()
    const more = wait > 0 ? Effect.raceFirst(news.await, Effect.sleep(wait)) : news.await
    return Effect.zipRight(more, take)
  })

  /**
   * Whether what is waited for is not the next page, but events that are known to be there. A pull that is not live
   * learns of its end by the Exit, however slow its pages are.
   */
  const isMissing = () => !owed || (options.live && received < gapUpTo)

  const isOwed = () =>
    id !== undefined && !inbox.isHeldUp() && (owed || received < Math.max(gapUpTo, expected))

  const pull: OpenPull = {
    live: options.live,
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
      owed = false
      fruitless = 0
      news.unsafeOpen()
    },
    expect: (head) => {
      if (!options.live || wire === undefined || received >= head) return
      if (received >= expected && !owed) owedSince = wire.now()
      expected = Math.max(expected, head)
    },
    retry: () => {
      if (askAt !== undefined && wire !== undefined) request(wire)
    },
    close: () => {
      accepted()
      interrupt()
      ended = Exit.void
      wire = undefined
    },
    dueAt: () =>
      askAt
      ?? (wire !== undefined && isOwed()
        ? owedSince + (isMissing() ? options.echoWithin : options.answerWithin) * wire.patience
        : Infinity),
    overdue: () => {
      if (askAt !== undefined) pull.retry()
      else if (!isMissing()) wire?.leave("a pull was not answered", { broken: false })
      else if (owed) {
        owed = false
        mendGap()
      } else askAgain("events that were pushed are missing")
    },
    postpone: (ms) => {
      owedSince += ms
      if (askAt !== undefined) askAt += ms
    }
  }
  return pull
}
