/**
 * Delivery: every pull is a cursor over the log, and one operation moves them all.
 *
 * @since 0.1.0
 */
import { FrameText, Sparing } from "@tidelog/sync-protocol"
import type { Frame, Limits, LogEvent } from "@tidelog/sync-protocol"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { AlarmService } from "./Alarm.ts"
import * as Client from "./Client.ts"
import type { Session, SubscriptionState } from "./Connection.ts"
import * as Deadline from "./Deadline.ts"
import type { EventLogService, LogReplaced, StorageError } from "./EventLog.ts"
import type { Head } from "./Head.ts"
import * as Pace from "./Pace.ts"
import * as PageReader from "./PageReader.ts"
import * as RateLimit from "./RateLimit.ts"
import type { SyncHooksService } from "./SyncHooks.ts"
import type { Page, Tail } from "./Tail.ts"

/**
 * What moves the cursors of pulls.
 *
 * @since 0.1.0
 * @category models
 */
export interface Delivery {
  /**
   * Sends a subscription what it is behind on, as far as its window allows. When it returns, the
   * subscription is at the head, or waits for its reader, or somebody else sees to it.
   *
   * `urgent`: something waits for that. It takes no turns, its window is that of a pull near the head,
   * and it returns when that is done, whoever has seen to it.
   */
  readonly pump: (
    client: Client.Client,
    subscription: Client.Subscription,
    urgent: boolean
  ) => Effect.Effect<void, LogReplaced | StorageError>

  /**
   * Sends a subscription what memory holds for it, at once. Whether nothing is left for `pump`: that
   * has to be read from the log, or to take turns.
   */
  readonly pumpFromMemory: (
    client: Client.Client,
    subscription: Client.Subscription,
    urgent?: boolean
  ) => boolean

  /** Ends a pull from the reader's side. Whether there was one. */
  readonly remove: (client: Client.Client, requestId: Frame.RequestId) => boolean

  /** Whether an acknowledgement answers a chunk that was sent. */
  readonly isOwed: (client: Client.Client, requestId: Frame.RequestId) => boolean

  /** Takes chunks of a pull off its window. The pull, if there is one that was owed this. */
  readonly acknowledge: (
    client: Client.Client,
    requestId: Frame.RequestId,
    chunks: number
  ) => Client.Subscription | undefined

  /**
   * Keeps what must outlive memory: the admitted subscriptions of a client, its rates, and, while it
   * has no pull, when it has to have one.
   */
  readonly save: (client: Client.Client) => void

  /** A client without a pull is at work: it gets its time anew. */
  readonly touch: (client: Client.Client) => void
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: {
  readonly log: EventLogService
  readonly tail: Tail
  readonly head: Head
  readonly limits: Limits.LimitsService
  readonly hooks: Pick<SyncHooksService, "onPullRes">
  readonly alarm: AlarmService
  readonly clock: Clock.Clock
  readonly pace: Pace.Pace
}): Delivery => {
  const { alarm, clock, head, hooks, limits, log, pace, tail } = options
  const size = { maxEvents: limits.maxPageEvents, maxBytes: limits.maxPageBytes }
  const busySize = { ...size, maxBytes: Math.min(size.maxBytes, Pace.MAX_BUSY_PAGE_BYTES) }
  const pages = PageReader.make({ log, tail, head, size })
  const busyPages = PageReader.make({ log, tail, head, size: busySize })

  const isOpen = (client: Client.Client, subscription: Client.Subscription) =>
    client.open
    && client.subscriptions.get(subscription.requestId) === subscription
    && !Deadline.isExpired(client.connection.session, clock)

  const save = (client: Client.Client): void => {
    if (!client.open || client.connection.isBrief === true) return
    const subscriptions: Array<SubscriptionState> = []
    for (const subscription of client.subscriptions.values()) {
      if (!subscription.admitted) continue
      const { cursor, inFlight, live, requestId, sparing, started } = subscription
      subscriptions.push({ cursor, inFlight, live, requestId, sparing, started })
    }
    if (subscriptions.length > 0) client.pullBy = undefined
    else if (client.pullBy === undefined) {
      client.pullBy = Deadline.pullBy(clock.unsafeCurrentTimeMillis(), limits.pullDeadline)
      alarm.wakeBy(client.pullBy)
    }
    client.connection.save({
      backendId: log.backendId,
      subscriptions,
      pullBy: client.pullBy,
      frames: RateLimit.keep(client.frames),
      events: RateLimit.keep(client.events)
    })
  }

  /** Whether a pull follows what is pushed. If not, it catches up. */
  const isNear = ({ cursor }: Client.Subscription) =>
    tail.head() - cursor <= Pace.NEAR || cursor >= tail.headBefore()

  const window = (subscription: Client.Subscription, urgent: boolean) =>
    (subscription.sparing ? Sparing.MAX_OWED : 0)
    + (urgent || isNear(subscription)
      ? limits.maxChunksInFlight
      : Math.min(limits.maxChunksInFlight, Pace.MAX_IN_FLIGHT))

  /** What a sparing reader may owe it may have taken long ago. */
  const hasRoom = ({ bytesInFlight, inFlight, sparing }: Client.Subscription) =>
    bytesInFlight < Pace.MAX_BYTES_IN_FLIGHT || (sparing && inFlight <= Sparing.MAX_OWED)

  /** What a reader that knows this project is told of the server. */
  const greeting = ({ expiresAt }: Session): Frame.Greeting =>
    expiresAt === undefined
      ? { sparingAcks: true }
      : { sparingAcks: true, expiresIn: expiresAt - clock.unsafeCurrentTimeMillis() }

  /** Whether there is something to send, and somebody who takes it. */
  const isDue = (client: Client.Client, subscription: Client.Subscription, urgent = false) =>
    isOpen(client, subscription)
    && subscription.admitted
    && subscription.inFlight < window(subscription, urgent)
    && hasRoom(subscription)
    && (!subscription.started || subscription.cursor < tail.head())

  const deliver = (client: Client.Client, subscription: Client.Subscription, page: Page) => {
    const { requestId, sparing, started } = subscription
    client.connection.send(
      sparing && !started
        ? FrameText.firstChunk(requestId, page.text, greeting(client.connection.session))
        : FrameText.chunk(requestId, page.text)
    )
    hooks.onPullRes?.(page.text, client.connection.session)
    subscription.cursor = page.upTo
    subscription.inFlight += 1
    subscription.sizes.push(page.bytes)
    subscription.bytesInFlight += page.bytes
    subscription.started = true
    if (!subscription.live && page.upTo >= tail.head()) {
      client.subscriptions.delete(requestId)
      Client.sendExit(client, requestId, Exit.void)
    }
  }

  const pumpFromMemory: Delivery["pumpFromMemory"] = (client, subscription, urgent = false) => {
    // Whoever sees to it goes on until there is no more.
    const isSeenTo = subscription.reading || (subscription.takesTurns && !isNear(subscription))
    if (isSeenTo && !urgent) return true
    if (subscription.reading) return false
    let sent = false
    while (isDue(client, subscription) && isNear(subscription)) {
      const page = tail.page(subscription.cursor)
      if (page === undefined) break
      deliver(client, subscription, page)
      sent = true
    }
    if (sent) save(client)
    return !isDue(client, subscription, urgent)
  }

  /** The page after a position, from the log. */
  const readPage = Effect.fnUntraced(function* (
    reader: PageReader.PageReader,
    after: LogEvent.SeqNum
  ) {
    while (true) {
      const cuts = tail.cuts()
      const page = yield* reader.read(after)
      // The log is the truth: another writer may have moved its end, a restore may have cut it.
      if (page.upTo === undefined || page.upTo > tail.head()) yield* head.read
      // What was read before a cut may be there no more, and the pull may stand beyond it now.
      if (tail.cuts() === cuts || after > tail.head()) return tail.toPage(after, page)
    }
  })

  /** Sends the next page, wherever it is. Its bytes. */
  const sendPage = Effect.fnUntraced(function* (
    client: Client.Client,
    subscription: Client.Subscription,
    urgent: boolean
  ) {
    if (!isDue(client, subscription, urgent)) return 0
    const { cursor } = subscription
    const isSmall = !urgent && !isNear(subscription) && pace.isBusy()
    let page = tail.page(cursor, isSmall ? busySize : size)
    if (page === undefined) {
      subscription.reading = true
      page = yield* readPage(isSmall ? busyPages : pages, cursor)
      // From here to the next read is one turn of the event loop: an append either comes before it
      // and is seen, or finds `reading` false.
      subscription.reading = false
      // Meanwhile the pull may have ended.
      if (!isDue(client, subscription, urgent)) return 0
    }
    deliver(client, subscription, page)
    save(client)
    return page.bytes
  })

  const sendAll = Effect.fnUntraced(function* (
    client: Client.Client,
    subscription: Client.Subscription,
    urgent: boolean
  ) {
    while (isDue(client, subscription, urgent)) yield* sendPage(client, subscription, urgent)
  })

  /** Sends in turns until a subscription is near the head, or waits for its reader. */
  const sendInTurns = Effect.fnUntraced(function* (
    client: Client.Client,
    subscription: Client.Subscription
  ) {
    const send = subscription.turns.inTurn(sendPage(client, subscription, false))
    subscription.takesTurns = true
    while (isDue(client, subscription) && !isNear(subscription)) yield* pace.inTurn(send)
    subscription.takesTurns = false
  })

  return {
    save,
    touch: (client) => {
      if (client.pullBy === undefined) return
      const pullBy = Deadline.pullBy(clock.unsafeCurrentTimeMillis(), limits.pullDeadline)
      if (pullBy === client.pullBy) return
      client.pullBy = undefined
      save(client)
    },
    remove: (client, requestId) => {
      const removed = client.subscriptions.delete(requestId)
      if (removed) save(client)
      return removed
    },
    isOwed: (client, requestId) => (client.subscriptions.get(requestId)?.inFlight ?? 0) > 0,
    acknowledge: (client, requestId, chunks) => {
      const subscription = client.subscriptions.get(requestId)
      if (subscription === undefined || subscription.inFlight === 0) return undefined
      subscription.inFlight = Math.max(0, subscription.inFlight - chunks)
      while (subscription.sizes.length > subscription.inFlight) {
        subscription.bytesInFlight -= subscription.sizes.shift() ?? 0
      }
      save(client)
      return subscription
    },
    pumpFromMemory,
    pump: (client, subscription, urgent) =>
      Effect.suspend(() => {
        if (pumpFromMemory(client, subscription, urgent)) return Effect.void
        const rest = subscription.turns.inTurn(sendAll(client, subscription, urgent))
        return urgent || isNear(subscription)
          ? rest
          : Effect.zipRight(sendInTurns(client, subscription), rest)
      })
  }
}
