/**
 * The server of one store: frames in, frames out.
 *
 * It knows nothing of Cloudflare. It takes its log, rules and limits as services, and its sockets
 * as `Connection`s, so the code that is deployed also runs in a test, in a simulation, or anywhere.
 *
 * @since 0.1.0
 */
import { Frame, FrameReader, Handshake, Limits, Message, Refusal } from "@tidelog/sync-protocol"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Layer from "effect/Layer"
import type * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import { Alarm } from "./Alarm.ts"
import * as AnsweredPushes from "./AnsweredPushes.ts"
import * as Client from "./Client.ts"
import * as Clients from "./Clients.ts"
import type { Connection, ConnectionState } from "./Connection.ts"
import * as Deadline from "./Deadline.ts"
import * as Delivery from "./Delivery.ts"
import { EventLog } from "./EventLog.ts"
import * as Head from "./Head.ts"
import * as Backlog from "./internal/backlog.ts"
import { describe } from "./internal/describe.ts"
import { isTooBig, toText } from "./internal/frame.ts"
import * as Pace from "./Pace.ts"
import * as Pulls from "./Pulls.ts"
import * as Pushes from "./Pushes.ts"
import * as RateLimit from "./RateLimit.ts"
import * as StoreAdmin from "./StoreAdmin.ts"
import { SyncHooks } from "./SyncHooks.ts"
import * as Tail from "./Tail.ts"

/**
 * One store's server: connections in, frames out.
 *
 * @since 0.1.0
 * @category models
 */
export interface SyncServerService {
  /** Those that it keeps. What is around it keeps those of sockets and frames. */
  readonly limits: Limits.LimitsService

  /**
   * Takes on a connection: a new one, or, with its state, one that outlived the object's memory.
   */
  readonly connect: (
    connection: Connection,
    state?: Partial<ConnectionState>
  ) => Effect.Effect<void>

  /**
   * Handles one frame. When the Effect is done, so is everything that the frame brought about. Never
   * fails: what is wrong with a frame is the answer to it.
   *
   * The frame is taken when this is called, and what needs no waiting is done at once: most frames
   * acknowledge a chunk, and are not worth a fiber. Nothing is left to run if the Effect is
   * `Effect.void` itself.
   */
  readonly receive: (connection: Connection, frame: string | Uint8Array) => Effect.Effect<void>

  /**
   * Handles a request that is read already, and that has been counted: its rates are its transport's own.
   * `size`: characters of the frame that it came in.
   */
  readonly request: (
    connection: Connection,
    frame: Frame.Request,
    size: number
  ) => Effect.Effect<void>

  /** Forgets a connection that the other side has closed or lost. */
  readonly disconnect: (connection: Connection) => Effect.Effect<void>

  /**
   * Closes the connections whose time has come: those whose authorisation has expired, and those
   * that have had no pull for too long. To be called when `Alarm` says. When to call it next: milliseconds
   * since the epoch, endless if there is nothing to wait for.
   */
  readonly closeDue: Effect.Effect<number>

  /**
   * Whether the log turned out not to be the one that was opened. All connections are closed then, and
   * another server has to take this one's place.
   */
  readonly isReplaced: () => boolean

  readonly admin: StoreAdmin.StoreAdmin
}

/**
 * The server of a store. Its layer: `layer`, over a log, hooks and an alarm, with the `Limits` that it is
 * provided with, or the defaults.
 *
 * @since 0.1.0
 * @category tags
 */
export class SyncServer extends Context.Tag("@tidelog/sync-worker/SyncServer")<
  SyncServer,
  SyncServerService
>() {}

/** Bytes, or characters, of an acknowledgement: an id of 32 digits, and what is around. */
const MAX_ACK = 128

const decodePull = Schema.decodeUnknownEither(Message.PullRequest)

/**
 * The server over an opened log.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<SyncServerService, never, EventLog | SyncHooks | Alarm> =
  Effect.gen(function* () {
    const alarm = yield* Alarm
    const clock = yield* Effect.clock
    const log = yield* EventLog
    const hooks = yield* SyncHooks
    const limits = yield* Limits.Limits

    const tail = Tail.make({
      head: log.initialHead,
      createdAt: log.initialCreatedAt,
      backendId: log.backendId,
      size: { maxEvents: limits.maxPageEvents, maxBytes: limits.maxPageBytes }
    })
    const head = Head.make({ log, tail, clock })
    const pace = Pace.make({ clock, bytesPerSecond: limits.catchUpBytesPerSecond })
    const delivery = Delivery.make({ log, tail, head, limits, hooks, alarm, clock, pace })
    const clients = Clients.make({ log, tail, delivery, limits, alarm, clock })
    const pulls = Pulls.make({ log, tail, head, hooks, limits, clients })
    const pushes = yield* Pushes.make({ log, tail, head, hooks, limits })
    const rates = RateLimit.ofLimits(limits)

    const isExpired = (client: Client.Client) =>
      Deadline.isExpired(client.connection.session, clock)

    /** Takes from one of a client's rates, and keeps what is left now and then. */
    const spend = (client: Client.Client, kind: "frames" | "events", count: number): boolean => {
      const [level, rate] = [client[kind], rates[kind]]
      if (!RateLimit.take(level, rate, count, clock.unsafeCurrentTimeMillis())) return false
      if (RateLimit.isWorthKeeping(level, rate)) delivery.save(client)
      return true
    }

    const closeExpired = (client: Client.Client) =>
      clients.close(client, Deadline.expired.code, Deadline.expired.reason)

    const answered = AnsweredPushes.make({ pushes, clients, hooks, pace, isExpired, closeExpired })

    const closeTooFast = (client: Client.Client) =>
      clients.close(
        client,
        Handshake.CloseCode.policyViolation,
        `a connection may send ${limits.framesPerSecond} frames a second`
      )

    /** Runs a request of a kind that the server knows, if it can be read and claims nothing false. */
    const admit = <Request extends { readonly storeId: string; readonly payload?: unknown }>(
      client: Client.Client,
      id: Frame.RequestId,
      decoded: Either.Either<Request, ParseResult.ParseError>,
      run: (request: Request) => Effect.Effect<void>
    ) => {
      if (Either.isLeft(decoded)) {
        return refuse(client, id, "InvalidRequest", describe(decoded.left))
      }
      const claim = Client.findFalseClaim(client, decoded.right)
      return claim === undefined ? run(decoded.right) : Client.refuse(client, id, claim)
    }

    /** Of the pushes that are not stored yet. */
    const backlog = Backlog.make()

    const admitPush = (
      client: Client.Client,
      id: Frame.RequestId,
      request: Message.PushRequest,
      size: number
    ) => {
      delivery.touch(client)
      // One that is too large is not for later: it is refused as what it is, and costs nothing.
      const isTooLarge = request.batch.length > limits.maxBatchEvents
      if (!backlog.admit(size)) {
        return refuse(client, id, "RateLimited", `${Backlog.FULL}; push again later`)
      }
      if (isTooLarge || spend(client, "events", request.batch.length)) {
        return answered.answer(client, id, request, () => backlog.release(size))
      }
      backlog.release(size)
      return refuse(
        client,
        id,
        "RateLimited",
        `a connection may push ${limits.eventsPerSecond} events a second; push again later`
      )
    }

    const request = (client: Client.Client, { id, payload, tag }: Frame.Request, size: number) => {
      // Its sender takes the answer for that of both, so both end.
      if (delivery.remove(client, id)) {
        return refuse(client, id, "DuplicateRequestId", `${id} is already open`)
      }
      switch (tag) {
        case Message.PULL:
          return admit(client, id, decodePull(payload), (pull) => {
            // It may be refused, and while it is checked it does not count as one.
            delivery.touch(client)
            return pulls.open(client, id, pull)
          })
        case Message.PUSH:
          return admit(client, id, FrameReader.pushRequest(payload), (batch) =>
            admitPush(client, id, batch, size)
          )
        default:
          return refuse(
            client,
            id,
            "UnknownRequest",
            `this server has no request ${tag.slice(0, 64)}`
          )
      }
    }

    const acknowledge = (client: Client.Client, { chunks = 1, requestId }: Frame.Ack) => {
      const subscription = delivery.acknowledge(client, requestId, chunks)
      return subscription === undefined || delivery.pumpFromMemory(client, subscription)
        ? Effect.void
        : clients.pump(client, subscription)
    }

    const interrupt = (client: Client.Client, requestId: Frame.RequestId) => {
      if (delivery.remove(client, requestId)) {
        Client.sendExit(client, requestId, Exit.interrupt(FiberId.none))
      }
      return Effect.void
    }

    const handle = (
      client: Client.Client,
      frame: Frame.ClientFrame,
      size: number
    ): Effect.Effect<void> => {
      switch (frame._tag) {
        case "Request":
          return request(client, frame, size)
        case "Ack":
          return acknowledge(client, frame)
        case "Interrupt":
          return interrupt(client, frame.requestId)
        case "Ping":
          client.connection.send(Frame.PONG_TEXT)
          return Effect.void
        case "Eof":
          return Effect.void
      }
    }

    const receive = (client: Client.Client, data: string | Uint8Array): Effect.Effect<void> => {
      if (isExpired(client)) return closeExpired(client)
      // What answers a chunk costs nothing: no more of that comes than was sent. Only what is as small
      // as that is read before it is paid for.
      const isSmall = data.length <= MAX_ACK
      if (!isSmall && !spend(client, "frames", 1)) return closeTooFast(client)
      if (isTooBig(data, limits.maxFrameBytes)) {
        const reason = `a frame may have ${limits.maxFrameBytes} bytes`
        return clients.close(client, Handshake.CloseCode.messageTooBig, reason)
      }
      const frame = FrameReader.clientFrame(toText(data))
      if (Either.isLeft(frame)) {
        const reason = "not a frame of this protocol"
        return clients.close(client, Handshake.CloseCode.invalidFrame, reason)
      }
      const isFree = frame.right._tag === "Ack" && delivery.isOwed(client, frame.right.requestId)
      if (isSmall && !isFree && !spend(client, "frames", 1)) return closeTooFast(client)
      return handle(client, frame.right, data.length)
    }

    /** Does something for a connection, if it is there. What goes wrong with that is its end. */
    const serve = (
      connection: Connection,
      use: (client: Client.Client) => Effect.Effect<void>
    ): Effect.Effect<void> => {
      const client = clients.get(connection)
      if (client === undefined) return Effect.void
      try {
        const rest = use(client)
        return rest === Effect.void
          ? rest
          : Effect.catchAllDefect(rest, clients.closeMistaken(client))
      } catch (defect) {
        return clients.closeMistaken(client)(defect)
      }
    }

    return {
      limits,
      admin: StoreAdmin.make({ log, head, tail, clients, pushes }),
      closeDue: clients.closeDue,
      isReplaced: clients.isReplaced,

      connect: (connection, state) =>
        Effect.suspend(() => {
          const client = clients.add(connection, state)
          const { backendId = log.backendId } = state ?? {}
          if (backendId !== log.backendId) {
            // While it slept: what it was sent is of another log.
            return clients.close(client, Handshake.CloseCode.serviceRestart, Clients.REPLACED)
          }
          delivery.save(client)
          // The log may have been restored while nobody looked.
          const ended = clients.endBeyondHead(client)
          return Effect.zipRight(ended, clients.pumpAll(client, false))
        }),

      receive: (connection, data) => serve(connection, (client) => receive(client, data)),

      request: (connection, frame, size) =>
        serve(connection, (client) =>
          isExpired(client) ? closeExpired(client) : request(client, frame, size)
        ),

      disconnect: (connection) => Effect.sync(() => clients.forget(connection))
    }
  })

/**
 * The server of the log that `EventLog` is.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<SyncServer, never, EventLog | SyncHooks | Alarm> = Layer.effect(
  SyncServer,
  make
)

const refuse = (
  client: Client.Client,
  id: Frame.RequestId,
  name: Refusal.RefusalName,
  message: string
) => Client.refuse(client, id, new Refusal.Refusal({ name, message }))
