/**
 * The connections of a store, and what is done to one or to all of them.
 *
 * @since 0.1.0
 */
import { Dialect, Handshake, SyncError } from "@tidelog/sync-protocol"
import type { Frame, Limits } from "@tidelog/sync-protocol"
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { AlarmService } from "./Alarm.ts"
import * as Client from "./Client.ts"
import type { Connection, ConnectionState, Session } from "./Connection.ts"
import * as Deadline from "./Deadline.ts"
import type * as Delivery from "./Delivery.ts"
import type { EventLogService, StorageError } from "./EventLog.ts"
import * as RateLimit from "./RateLimit.ts"
import type { Tail } from "./Tail.ts"

/**
 * The connections of one store's server.
 *
 * @since 0.1.0
 * @category models
 */
export interface Clients {
  /** Takes on a connection. `state`: what it remembers, if it outlived the object's memory. */
  readonly add: (connection: Connection, state?: Partial<ConnectionState>) => Client.Client

  /**
   * Ends the pulls of a client that stand beyond the head: it holds events that this log does not, and
   * those that will be in their place do not continue them. What is left to do of it.
   */
  readonly endBeyondHead: (client: Client.Client) => Effect.Effect<void>

  /** How many connections there are, and how many pulls they have open. */
  readonly count: () => { readonly sockets: number; readonly subscriptions: number }

  /** The client of a connection that is open. */
  readonly get: (connection: Connection) => Client.Client | undefined

  /** Forgets a connection that the other side has ended. */
  readonly forget: (connection: Connection) => void

  /** Closes a connection from our side. Nothing is taken from it or sent to it any more. */
  readonly close: (client: Client.Client, code: number, reason: string) => Effect.Effect<void>

  /** Closes a connection whose pull the log cannot serve: it is better begun again than failed. */
  readonly closeUnreadable: (client: Client.Client) => (error: StorageError) => Effect.Effect<void>

  /** Closes a connection that the server fails on by a mistake of its own. */
  readonly closeMistaken: (client: Client.Client) => (defect: unknown) => Effect.Effect<void>

  /** Closes all connections of which something is true. How many. */
  readonly closeWhere: (
    predicate: (session: Session) => boolean,
    code: number,
    reason: string
  ) => Effect.Effect<number>

  /** Closes all connections: their log is no more, and the next server has the one in its place. */
  readonly closeReplaced: Effect.Effect<void>

  /** Whether that has happened. */
  readonly isReplaced: () => boolean

  /**
   * Closes the connections whose end has come. When it has to be called next: milliseconds since
   * the epoch, endless if there is nothing to wait for.
   */
  readonly closeDue: Effect.Effect<number>

  /** Every open pull, as something that can still be told. */
  readonly forEachPull: (use: (client: Client.Client, requestId: Frame.RequestId) => void) => void

  /** Sends a pull what it is behind on. Whatever is in the way of that is its connection's end. */
  readonly pump: (client: Client.Client, subscription: Client.Subscription) => Effect.Effect<void>

  /**
   * The same for all pulls of a connection. What memory holds is sent when this is called; nothing is
   * left to do if the Effect is `Effect.void` itself.
   *
   * `urgent`: something waits for that.
   */
  readonly pumpAll: (client: Client.Client, urgent: boolean) => Effect.Effect<void>

  /** The same for all connections. */
  readonly pumpEveryone: () => Effect.Effect<void>
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: {
  readonly log: Pick<EventLogService, "backendId">
  readonly tail: Tail
  readonly delivery: Delivery.Delivery
  readonly limits: Limits.LimitsService
  readonly alarm: AlarmService
  readonly clock: Clock.Clock
}): Clients => {
  const { alarm, clock, delivery, limits, log, tail } = options
  const rates = RateLimit.ofLimits(limits)
  const clients = new Map<Connection, Client.Client>()

  const close: Clients["close"] = (client, code, reason) =>
    Effect.suspend(() => {
      if (!client.open) return Effect.void
      client.open = false
      clients.delete(client.connection)
      client.connection.close(code, reason)
      return Effect.logWarning("connection closed").pipe(Effect.annotateLogs({ code, reason }))
    }).pipe(Client.asOf(client))

  const otherLog = new SyncError.BackendIdMismatchError({
    expected: log.backendId,
    received: log.backendId
  })

  const endBeyondHead: Clients["endBeyondHead"] = (client) => {
    const ended: Array<Effect.Effect<void>> = []
    for (const { cursor, requestId } of client.subscriptions.values()) {
      if (cursor > tail.head() && delivery.remove(client, requestId)) {
        Client.sendExit(client, requestId, Exit.fail(otherLog))
        ended.push(Client.logOtherLog(client, requestId, otherLog))
      }
    }
    return ended.length === 0 ? Effect.void : Effect.all(ended, { discard: true })
  }

  tail.onMoved((isBack) =>
    isBack
      ? Effect.all(Array.from(clients.values(), endBeyondHead), { discard: true })
      : // Whoever has noticed may be one of those who are to be sent what is new.
        Effect.asVoid(Effect.forkDaemon(Effect.suspend(() => pumpEach(clients.values(), false))))
  )

  const closeWhere: Clients["closeWhere"] = (predicate, code, reason) =>
    Effect.suspend(() => {
      const matching = [...clients.values()].filter(({ connection }) =>
        predicate(connection.session)
      )
      return Effect.as(
        Effect.forEach(matching, (client) => close(client, code, reason), { discard: true }),
        matching.length
      )
    })

  let replaced = false

  const closeReplaced = Effect.suspend(() => {
    const isKnown = replaced
    replaced = true
    const closed = closeWhere(() => true, Handshake.CloseCode.serviceRestart, REPLACED)
    return isKnown
      ? closed
      : Effect.zipRight(
          closed,
          Effect.logWarning("the log is not the one that was opened: it was replaced, or is gone")
        )
  }).pipe(Effect.asVoid, Effect.uninterruptible)

  const closeUnreadable: Clients["closeUnreadable"] = (client) => (error) =>
    Effect.zipRight(
      Client.asOf(client)(Effect.logError(error.message, Cause.fail(error))),
      close(client, Handshake.CloseCode.tryAgainLater, "the log cannot be read just now")
    )

  const closeMistaken: Clients["closeMistaken"] = (client) => (defect) =>
    Effect.zipRight(
      Client.asOf(client)(Effect.logError("a connection could not be served", Cause.die(defect))),
      close(client, Handshake.CloseCode.internalError, "the server made a mistake")
    )

  const pump = (client: Client.Client, subscription: Client.Subscription, urgent: boolean) =>
    delivery.pump(client, subscription, urgent).pipe(
      Effect.catchTags({
        StorageError: closeUnreadable(client),
        LogReplaced: () => closeReplaced
      }),
      Effect.catchAllDefect(closeMistaken(client)),
      Client.asOf(client)
    )

  const pumpEach = (some: Iterable<Client.Client>, urgent: boolean) => {
    const behind: Array<Effect.Effect<void>> = []
    for (const client of some) {
      for (const subscription of client.subscriptions.values()) {
        if (!delivery.pumpFromMemory(client, subscription, urgent)) {
          behind.push(pump(client, subscription, urgent))
        }
      }
    }
    // How many of them read at the same time, `PageReader` decides.
    return behind.length === 0
      ? Effect.void
      : Effect.all(behind, { concurrency: "unbounded", discard: true })
  }

  return {
    add: (connection, state = {}) => {
      const now = clock.unsafeCurrentTimeMillis()
      const client: Client.Client = {
        connection,
        dialect: Dialect.effect3,
        subscriptions: new Map(),
        open: true,
        pullBy: state.pullBy,
        frames: RateLimit.make(rates.frames, now, state.frames),
        events: RateLimit.make(rates.events, now, state.events)
      }
      for (const subscription of state.subscriptions ?? []) {
        client.subscriptions.set(subscription.requestId, Client.resumeSubscription(subscription))
      }
      clients.set(connection, client)
      const deadline = Deadline.next(timesOf(client))
      if (Number.isFinite(deadline) && connection.isBrief !== true) alarm.wakeBy(deadline)
      return client
    },
    endBeyondHead,
    count: () => {
      let subscriptions = 0
      for (const client of clients.values()) subscriptions += client.subscriptions.size
      return { sockets: clients.size, subscriptions }
    },
    get: (connection) => clients.get(connection),
    forget: (connection) => {
      const client = clients.get(connection)
      if (client !== undefined) client.open = false
      clients.delete(connection)
    },
    close,
    closeWhere,
    closeReplaced,
    isReplaced: () => replaced,
    closeDue: Effect.suspend(() =>
      Deadline.sweep(
        Array.from(clients.values(), (client) => ({ client, times: timesOf(client) })),
        ({ client }, { code, reason }) => close(client, code, reason)
      )
    ),
    forEachPull: (use) => {
      for (const client of clients.values()) {
        for (const requestId of client.subscriptions.keys()) use(client, requestId)
      }
    },
    closeUnreadable,
    closeMistaken,
    pump: (client, subscription) => pump(client, subscription, false),
    pumpAll: (client, urgent) => pumpEach([client], urgent),
    pumpEveryone: () => pumpEach(clients.values(), false)
  }
}

/**
 * Why a connection ends whose log is no more.
 *
 * @since 0.1.0
 * @category constants
 */
export const REPLACED = "the log was replaced"

const timesOf = ({ connection, pullBy }: Client.Client): Deadline.Times => ({
  expiresAt: connection.session.expiresAt,
  pullBy
})
