/**
 * The server of one store: frames in, frames out.
 *
 * It knows nothing of Cloudflare. It takes its log, rules and limits as services, and its sockets
 * as `Connection`s, so the code that is deployed also runs in a test, in a simulation, or anywhere.
 *
 * @since 0.1.0
 */
import {
  Chunking,
  Dialect,
  Frame,
  Handshake,
  Limits,
  LogEvent,
  Message,
  Refusal,
  SyncError
} from "@tidelog/sync-protocol"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import type { Connection, SubscriptionState } from "./Connection.ts"
import * as Delivery from "./Delivery.ts"
import { EventLog } from "./EventLog.ts"
import type { StorageError } from "./EventLog.ts"
import { describe } from "./internal/describe.ts"
import * as Pushes from "./Pushes.ts"
import { SyncHooks } from "./SyncHooks.ts"
import * as Tail from "./Tail.ts"

/**
 * @since 0.1.0
 * @category models
 */
export interface SyncServerService {
  /**
   * Takes on a connection: a new one, or, with its subscriptions, one that outlived the object's
   * memory.
   */
  readonly connect: (
    connection: Connection,
    subscriptions?: ReadonlyArray<SubscriptionState>
  ) => Effect.Effect<void>

  /**
   * Handles one frame. When it returns, everything that the frame brought about is done. Never
   * fails: what is wrong with a frame is the answer to it.
   */
  readonly receive: (connection: Connection, frame: string | Uint8Array) => Effect.Effect<void>

  /** Forgets a connection that the other side has closed or lost. */
  readonly disconnect: (connection: Connection) => Effect.Effect<void>
}

/**
 * @since 0.1.0
 * @category tags
 */
export class SyncServer extends Context.Tag("@tidelog/sync-worker/SyncServer")<
  SyncServer,
  SyncServerService
>() {}

/** Pumps that may read from the log at the same time after one append. */
const MAX_CONCURRENT_READS = 8

const decodeFrame = Schema.decodeUnknownEither(Frame.ClientFrameFromText)
const decodePull = Schema.decodeUnknownEither(Message.PullRequest)
const decodePush = Schema.decodeUnknownEither(Message.PushRequest)

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = Effect.gen(function* (): Effect.fn.Return<
  SyncServerService,
  never,
  EventLog | SyncHooks | Limits.Limits
> {
  const log = yield* EventLog
  const hooks = yield* SyncHooks
  const limits = yield* Limits.Limits

  const tail = Tail.make({
    head: log.initialHead,
    backendId: log.backendId,
    size: { maxEvents: limits.maxPageEvents, maxBytes: limits.maxPageBytes }
  })
  const delivery = Delivery.make({ log, tail, limits })
  const pushes = yield* Pushes.make({ log, tail, hooks, limits })
  const clients = new Map<Connection, Delivery.Client>()

  /** Closes a connection from our side. Nothing is taken from it any more. */
  const close = (client: Delivery.Client, code: number, reason: string) =>
    Effect.suspend(() => {
      if (!client.open) return Effect.void
      client.open = false
      clients.delete(client.connection)
      client.connection.close(code, reason)
      return Effect.logWarning("connection closed").pipe(Effect.annotateLogs({ code, reason }))
    })

  const refuse = (client: Delivery.Client, requestId: Frame.RequestId, refusal: Refusal.Refusal) =>
    Effect.suspend(() => {
      Delivery.sendExit(client, requestId, Exit.fail(Refusal.toUnknownError(refusal)))
      return Effect.logWarning("request refused").pipe(
        Effect.annotateLogs({ requestId, refusal: refusal.name, reason: refusal.message })
      )
    })

  const closeUnreadable = (client: Delivery.Client) => (error: StorageError) =>
    Effect.zipRight(
      Effect.logError(error.message, Cause.fail(error)),
      close(client, Handshake.CloseCode.tryAgainLater, "the log cannot be read just now")
    )

  const closeMistaken = (client: Delivery.Client) => (defect: unknown) =>
    Effect.zipRight(
      Effect.logError("a connection could not be served", Cause.die(defect)),
      close(client, Handshake.CloseCode.internalError, "the server made a mistake")
    )

  /**
   * A pull that the log cannot serve is better begun again than failed (SPEC: PULL-11). Whoever
   * made the log grow has no part in it.
   */
  const pump = (client: Delivery.Client, subscription: Delivery.Subscription) =>
    delivery
      .pump(client, subscription)
      .pipe(
        Effect.catchTag("StorageError", closeUnreadable(client)),
        Effect.catchAllDefect(closeMistaken(client))
      )

  const pumpAll = (client: Delivery.Client) =>
    Effect.forEach(client.subscriptions.values(), (subscription) => pump(client, subscription), {
      discard: true
    })

  /** Everybody hears of new events: from memory at once, who is further behind afterwards. */
  const pumpEveryone = Effect.suspend(() => {
    const behind: Array<Effect.Effect<void>> = []
    for (const client of clients.values()) {
      for (const subscription of client.subscriptions.values()) {
        if (!delivery.pumpFromMemory(client, subscription)) behind.push(pump(client, subscription))
      }
    }
    return Effect.all(behind, { concurrency: MAX_CONCURRENT_READS, discard: true })
  })

  const findClaim = (
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

  /** A cursor is the log's own if it has its id, and stands at an event that the log has. */
  const isOurs = Effect.fnUntraced(function* (cursor: Message.Cursor) {
    if (cursor.backendId !== log.backendId) return false
    const known = tail.head()
    if (cursor.eventSequenceNumber <= known) return true
    tail.correct(known, yield* log.head)
    return cursor.eventSequenceNumber <= tail.head()
  })

  const openPull = Effect.fnUntraced(function* (
    client: Delivery.Client,
    subscription: Delivery.Subscription,
    request: Message.PullRequest
  ) {
    const end = (answer: Effect.Effect<void>) =>
      Effect.suspend(() => {
        // It may have been interrupted while it was checked, and then has its answer.
        if (client.subscriptions.get(subscription.requestId) !== subscription) return Effect.void
        client.subscriptions.delete(subscription.requestId)
        return answer
      })
    const allowed = yield* Effect.either(hooks.onPull(request, client.connection.session))
    if (Either.isLeft(allowed)) {
      const { message } = allowed.left
      const refusal = new Refusal.Refusal({ name: "PullRejected", message })
      return yield* end(refuse(client, subscription.requestId, refusal))
    }
    if (Option.isSome(request.cursor) && !(yield* isOurs(request.cursor.value))) {
      const error = new SyncError.BackendIdMismatchError({
        expected: log.backendId,
        received: request.cursor.value.backendId
      })
      return yield* end(
        Effect.sync(() => Delivery.sendExit(client, subscription.requestId, Exit.fail(error)))
      )
    }
    subscription.admitted = true
    yield* pump(client, subscription)
  })

  const pull = (client: Delivery.Client, id: Frame.RequestId, payload: unknown) =>
    Effect.suspend(() => {
      const decoded = decodePull(payload)
      if (Either.isLeft(decoded)) return refuse(client, id, invalidRequest(decoded.left))
      const request = decoded.right
      const claim = findClaim(client, request)
      if (claim !== undefined) return refuse(client, id, claim)
      if (client.subscriptions.size >= limits.maxSubscriptions) {
        return refuse(
          client,
          id,
          new Refusal.Refusal({
            name: "TooManySubscriptions",
            message: `a connection may have ${limits.maxSubscriptions} open pulls`
          })
        )
      }
      const subscription = Delivery.makeSubscription({
        requestId: id,
        live: request.live,
        cursor: Option.match(request.cursor, {
          onNone: () => LogEvent.ROOT,
          onSome: (cursor) => cursor.eventSequenceNumber
        })
      })
      client.subscriptions.set(id, subscription)
      return Effect.catchTag(
        openPull(client, subscription, request),
        "StorageError",
        closeUnreadable(client)
      )
    })

  const push = (client: Delivery.Client, id: Frame.RequestId, payload: unknown) =>
    Effect.suspend(() => {
      const decoded = decodePush(payload)
      if (Either.isLeft(decoded)) return refuse(client, id, invalidRequest(decoded.left))
      const request = decoded.right
      const claim = findClaim(client, request)
      if (claim !== undefined) return refuse(client, id, claim)
      return pushes.accept(request, client.connection.session).pipe(
        // The pusher hears of the events before it hears of its push, whichever way it ended.
        Effect.tap(() => pumpAll(client)),
        Effect.tapErrorTag("ServerAheadError", () => pumpAll(client)),
        Effect.matchEffect({
          onSuccess: () => Effect.sync(() => Delivery.sendExit(client, id, Exit.succeed({}))),
          onFailure: (error) =>
            error._tag === "Refusal"
              ? refuse(client, id, error)
              : Effect.sync(() => Delivery.sendExit(client, id, Exit.fail(error)))
        }),
        Effect.zipRight(pumpEveryone)
      )
    })

  const request = (client: Delivery.Client, frame: Frame.Request) => {
    if (client.subscriptions.has(frame.id)) {
      // Its sender takes the answer for that of both, so both end.
      client.subscriptions.delete(frame.id)
      Delivery.save(client)
      return refuse(
        client,
        frame.id,
        new Refusal.Refusal({
          name: "DuplicateRequestId",
          message: `${frame.id} is already open`
        })
      )
    }
    switch (frame.tag) {
      case Message.PULL:
        return pull(client, frame.id, frame.payload)
      case Message.PUSH:
        return push(client, frame.id, frame.payload)
      default:
        return refuse(
          client,
          frame.id,
          new Refusal.Refusal({
            name: "UnknownRequest",
            message: `this server has no request ${frame.tag.slice(0, 64)}`
          })
        )
    }
  }

  const acknowledge = (client: Delivery.Client, requestId: Frame.RequestId) =>
    Effect.suspend(() => {
      const subscription = client.subscriptions.get(requestId)
      if (subscription === undefined || subscription.inFlight === 0) return Effect.void
      subscription.inFlight -= 1
      Delivery.save(client)
      return pump(client, subscription)
    })

  const interrupt = (client: Delivery.Client, requestId: Frame.RequestId) =>
    Effect.sync(() => {
      if (!client.subscriptions.delete(requestId)) return
      Delivery.save(client)
      Delivery.sendExit(client, requestId, Exit.interrupt(FiberId.none))
    })

  const handle = (client: Delivery.Client, frame: Frame.ClientFrame): Effect.Effect<void> => {
    switch (frame._tag) {
      case "Request":
        return request(client, frame)
      case "Ack":
        return acknowledge(client, frame.requestId)
      case "Interrupt":
        return interrupt(client, frame.requestId)
      case "Ping":
        return Effect.sync(() => client.connection.send(Frame.PONG_TEXT))
      case "Eof":
        return Effect.void
    }
  }

  const register = (connection: Connection): Delivery.Client => {
    const client: Delivery.Client = {
      connection,
      dialect: Dialect.effect3,
      subscriptions: new Map(),
      open: true
    }
    clients.set(connection, client)
    return client
  }

  const annotate = (connection: Connection) =>
    Effect.annotateLogs({
      storeId: connection.session.storeId,
      connectionId: connection.session.connectionId
    })

  return {
    connect: (connection, subscriptions = []) =>
      Effect.suspend(() => {
        const client = register(connection)
        for (const state of subscriptions) {
          client.subscriptions.set(state.requestId, Delivery.resumeSubscription(state))
        }
        return pumpAll(client)
      }).pipe(annotate(connection)),

    receive: (connection, data) =>
      Effect.suspend(() => {
        const client = clients.get(connection)
        if (client === undefined) return Effect.void
        if (isTooBig(data, limits.maxFrameBytes)) {
          return close(
            client,
            Handshake.CloseCode.messageTooBig,
            `a frame may have ${limits.maxFrameBytes} bytes`
          )
        }
        const frame = decodeFrame(toText(data))
        if (Either.isLeft(frame)) {
          return close(client, Handshake.CloseCode.invalidFrame, "not a frame of this protocol")
        }
        return Effect.catchAllDefect(handle(client, frame.right), closeMistaken(client))
      }).pipe(annotate(connection)),

    disconnect: (connection) =>
      Effect.sync(() => {
        const client = clients.get(connection)
        if (client !== undefined) client.open = false
        clients.delete(connection)
      })
  }
})

/**
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<SyncServer, never, EventLog | SyncHooks | Limits.Limits> =
  Layer.effect(SyncServer, make)

const invalidRequest = (error: ParseResult.ParseError) =>
  new Refusal.Refusal({ name: "InvalidRequest", message: describe(error) })

const toText = (data: string | Uint8Array): string =>
  typeof data === "string" ? data : new TextDecoder().decode(data)

/** Bytes are counted only where the length leaves it open: a UTF-16 code unit takes 1 to 3. */
const isTooBig = (data: string | Uint8Array, limit: number): boolean => {
  if (typeof data !== "string") return data.byteLength > limit
  if (data.length * 3 <= limit) return false
  return data.length > limit || Chunking.byteLength(data) > limit
}
