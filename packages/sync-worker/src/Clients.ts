/**
 * The connections of a store, and what is done to one or to all of them.
 *
 * @since 0.1.0
 */
import { Dialect, Handshake, LogEvent, Refusal } from "@tidelog/sync-protocol"
import type { Frame } from "@tidelog/sync-protocol"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Connection } from "./Connection.ts"
import * as Delivery from "./Delivery.ts"
import type { StorageError } from "./EventLog.ts"

/**
 * @since 0.1.0
 * @category models
 */
export interface Clients {
  readonly add: (connection: Connection) => Delivery.Client

  /** The client of a connection that is open. */
  readonly get: (connection: Connection) => Delivery.Client | undefined

  /** Forgets a connection that the other side has ended. */
  readonly forget: (connection: Connection) => void

  /** Closes a connection from our side. Nothing is taken from it or sent to it any more. */
  readonly close: (client: Delivery.Client, code: number, reason: string) => Effect.Effect<void>

  /** Closes a connection whose pull the log cannot serve: it is better begun again than failed. */
  readonly closeUnreadable: (
    client: Delivery.Client
  ) => (error: StorageError) => Effect.Effect<void>

  /** Closes a connection that the server fails on by a mistake of its own. */
  readonly closeMistaken: (client: Delivery.Client) => (defect: unknown) => Effect.Effect<void>

  /** Sends a pull what it is behind on. Whatever is in the way of that is its connection's end. */
  readonly pump: (
    client: Delivery.Client,
    subscription: Delivery.Subscription
  ) => Effect.Effect<void>

  /** The same for all pulls of a connection. */
  readonly pumpAll: (client: Delivery.Client) => Effect.Effect<void>

  /** The same for all connections: from memory at once, who is further behind afterwards. */
  readonly pumpEveryone: Effect.Effect<void>
}

/** Pumps that may read from the log at the same time after one append. */
const MAX_CONCURRENT_READS = 8

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (delivery: Delivery.Delivery): Clients => {
  const clients = new Map<Connection, Delivery.Client>()

  const close: Clients["close"] = (client, code, reason) =>
    Effect.suspend(() => {
      if (!client.open) return Effect.void
      client.open = false
      clients.delete(client.connection)
      client.connection.close(code, reason)
      return Effect.logWarning("connection closed").pipe(Effect.annotateLogs({ code, reason }))
    })

  const closeUnreadable: Clients["closeUnreadable"] = (client) => (error) =>
    Effect.zipRight(
      Effect.logError(error.message, Cause.fail(error)),
      close(client, Handshake.CloseCode.tryAgainLater, "the log cannot be read just now")
    )

  const closeMistaken: Clients["closeMistaken"] = (client) => (defect) =>
    Effect.zipRight(
      Effect.logError("a connection could not be served", Cause.die(defect)),
      close(client, Handshake.CloseCode.internalError, "the server made a mistake")
    )

  const pump: Clients["pump"] = (client, subscription) =>
    delivery
      .pump(client, subscription)
      .pipe(
        Effect.catchTag("StorageError", closeUnreadable(client)),
        Effect.catchAllDefect(closeMistaken(client))
      )

  return {
    add: (connection) => {
      const client: Delivery.Client = {
        connection,
        dialect: Dialect.effect3,
        subscriptions: new Map(),
        open: true
      }
      clients.set(connection, client)
      return client
    },
    get: (connection) => clients.get(connection),
    forget: (connection) => {
      const client = clients.get(connection)
      if (client !== undefined) client.open = false
      clients.delete(connection)
    },
    close,
    closeUnreadable,
    closeMistaken,
    pump,
    pumpAll: (client) =>
      Effect.forEach(client.subscriptions.values(), (subscription) => pump(client, subscription), {
        discard: true
      }),
    pumpEveryone: Effect.suspend(() => {
      const behind: Array<Effect.Effect<void>> = []
      for (const client of clients.values()) {
        for (const subscription of client.subscriptions.values()) {
          if (!delivery.pumpFromMemory(client, subscription))
            behind.push(pump(client, subscription))
        }
      }
      return Effect.all(behind, { concurrency: MAX_CONCURRENT_READS, discard: true })
    })
  }
}

/**
 * Fails a request of a client, and says so in the log (SPEC: REFUSE-4).
 *
 * @since 0.1.0
 * @category operations
 */
export const refuse = (
  client: Delivery.Client,
  requestId: Frame.RequestId,
  refusal: Refusal.Refusal
): Effect.Effect<void> =>
  Effect.suspend(() => {
    // Nobody is there to be refused.
    if (!client.open) return Effect.void
    Delivery.sendExit(client, requestId, Exit.fail(Refusal.toUnknownError(refusal)))
    return Effect.logWarning("request refused").pipe(
      Effect.annotateLogs({ requestId, refusal: refusal.name, reason: refusal.message })
    )
  })

/**
 * What a request claims about its connection, if it claims anything that is not so (SPEC: HAND-6).
 *
 * @since 0.1.0
 * @category operations
 */
export const findFalseClaim = (
  client: Delivery.Client,
  claims: { readonly storeId: string; readonly payload?: unknown }
): Refusal.Refusal | undefined => {
  const { payload, storeId } = client.connection.session
  if (claims.storeId !== storeId) {
    return new Refusal.Refusal({
      name: "StoreMismatch",
      message: "this connection was opened for another store"
    })
  }
  return claims.payload === undefined || LogEvent.isSameJson(claims.payload, payload)
    ? undefined
    : new Refusal.Refusal({
        name: "StoreMismatch",
        message: "this connection was opened with another payload"
      })
}
