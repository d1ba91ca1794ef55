/**
 * The client: pulls and pushes that outlive connections.
 *
 * @since 0.1.0
 */
import type * as Socket from "@effect/platform/Socket"
import type * as LogEvent from "@tidelog/sync-protocol/LogEvent"
import type * as Message from "@tidelog/sync-protocol/Message"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Subscribable from "effect/Subscribable"
import * as SubscriptionRef from "effect/SubscriptionRef"
import * as Backoff from "./Backoff.ts"
import type * as Connection from "./Connection.ts"
import * as Credentials from "./Credentials.ts"
import * as Demand from "./Demand.ts"
import * as Device from "./Device.ts"
import type { Exchange, Wire } from "./Exchange.ts"
import type * as HttpSocket from "./HttpSocket.ts"
import { shared } from "./internal/shared.ts"
import * as OpenPull from "./OpenPull.ts"
import type * as PendingPush from "./PendingPush.ts"
import * as Pushing from "./Pushing.ts"
import * as Reconnect from "./Reconnect.ts"
import * as RejectedPush from "./RejectedPush.ts"
import * as RequestText from "./RequestText.ts"
import * as StatusBoard from "./StatusBoard.ts"
import { ConnectionRefused, type InvalidOptions, PingTimeout } from "./SyncClientError.ts"
import type { SyncStatus } from "./SyncStatus.ts"
import * as Timings from "./Timings.ts"
import * as Unconfirmed from "./Unconfirmed.ts"

/**
 * A client of one store. Whatever the network does, its requests go on over the next connection.
 *
 * @since 0.1.0
 * @category models
 */
export interface SyncClientService {
  /**
   * Every event after the cursor, page by page, each event once and in the order of the log. A live
   * pull never ends: it goes on over every later connection. One that is not live ends at the head.
   *
   * - `cursor`: the last event that the caller has, 0 if none.
   * - `createdAt`: when this event was accepted, as its metadata says, if the caller knows.
   * - `backendId`: the log that this event is of; `None` if the caller does not know.
   *
   * Fails with `ConnectionLost` if the connection is lost after a page that was not the last, with
   * `BackendIdMismatchError` if the log is another one, and with `UnknownError` or `RequestFailed` if
   * no other attempt can help.
   */
  readonly pull: (options: {
    readonly cursor: LogEvent.SeqNum
    readonly createdAt?: string | undefined
    readonly backendId: Option.Option<string>
    readonly live: boolean
  }) => Stream.Stream<Message.PullResponse, OpenPull.PullFailure>
  /**
   * Stores a batch, and waits until it is: across connections, for as long as that takes. The batch
   * is ascending and chained, and of any length: it is split into frames.
   *
   * Fails with `ServerAheadError` if other events come first, with `BackendIdMismatchError` if the
   * log is another one, with `EventTooLarge`, with `ConnectionRefused` while the server refuses this
   * client, and with `UnknownError` or `RequestFailed` if the server refuses the push.
   */
  readonly push: Pushing.Push
  /** Connects if need be, and waits for the answer to a ping for at most 10 s. */
  readonly ping: Effect.Effect<void, PingTimeout | ConnectionRefused>
  /** Connects if need be, and waits for the first answer for at most 10 s. Never fails. */
  readonly connect: Effect.Effect<void>
  /** How the client stands with its server. */
  readonly status: Subscribable.Subscribable<SyncStatus>
  /** Whether the present connection has answered. Changes only when it changes. */
  readonly isConnected: SubscriptionRef.SubscriptionRef<boolean>
  /**
   * Connects now: ends a wait between two attempts, a refusal, and the wait of a push that a rule of the app's
   * has refused. Otherwise does nothing.
   */
  readonly reconnect: Effect.Effect<void>
  /**
   * Something happened to the device or its network that its `Device` does not tell of: pings now, or else
   * connects now. A client that is not used yet, or refused, stays as it is.
   */
  readonly probe: Effect.Effect<void>
}

export type {
  /**
   * @since 0.1.0
   * @category models
   */
  PushError
} from "./Pushing.ts"

/**
 * The client, for any Effect program. Its layer: `SyncClient.layer`.
 *
 * @since 0.1.0
 * @category tags
 */
export class SyncClient extends Context.Tag("@tidelog/sync-client/SyncClient")<
  SyncClient,
  SyncClientService
>() {}

/**
 * What a client is told.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** The server: a ws(s) or http(s) URL, with a path, a query, or neither. */
  readonly url: string
  readonly storeId: string
  /**
   * What the server's authorisation asks for: any JSON value, a Promise or an Effect of one, or a function that
   * returns any of these. A function and an Effect are asked at each connection, and again before the `expiresAt`
   * (epoch ms, a Date or an ISO string) of what they gave, if it has one. Travels in the URL.
   */
  readonly payload?: Credentials.PayloadSource
  /**
   * Called with every status, the first included. What it throws is ignored, and nobody waits for it; a Promise or
   * an Effect will do.
   */
  readonly onStatus?: ((status: SyncStatus) => unknown) | undefined
  /** Whether the page may ask for the status, see `@tidelog/sync-client/status`. Default: yes. */
  readonly broadcastStatus?: boolean | undefined
  /** What tells of the device's network and user. Default: the browser's events, where there are some. */
  readonly device?: Device.Device | undefined
  /**
   * The waits between attempts to connect that fail in a row. Default: `Backoff.schedule` of the timings. One
   * that ends goes on with waits of `backoffMax`.
   */
  readonly retrySchedule?: Schedule.Schedule<unknown> | undefined
  /**
   * How many events the caller holds that are not confirmed, where it keeps count. The status tells that then,
   * instead of what the client knows of its pushes.
   */
  readonly unconfirmed?: Stream.Stream<number> | undefined
  /**
   * `auto`: goes over HTTP while WebSockets are blocked, as a proxy may do, and looks now and then whether they
   * still are. The code for that is loaded when it is needed. Default: `ws`, which never does.
   */
  readonly transport?: "ws" | "auto" | undefined
  /** How requests over HTTP are made. */
  readonly http?: HttpSocket.Options | undefined
  /** Changes to the default timings. */
  readonly timings?: Partial<Timings.Timings> | undefined
  /** Changes to the most that one push carries. */
  readonly pushLimits?: Partial<RequestText.PushLimits> | undefined
}

/** How long `ping` and `connect` wait. */
const PING_WITHIN = "10 seconds"

/**
 * A client that lives as long as its scope. It connects when it is first used.
 *
 * Fails only if the options make no sense, whatever the network does.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Options
): Effect.Effect<SyncClientService, InvalidOptions, Socket.WebSocketConstructor | Scope.Scope> =>
  Effect.gen(function* () {
    const { device = Device.global, payload, storeId } = options
    const timings = Timings.toMillis(options.timings)
    const { answerWithin, echoWithin } = timings
    const isFresh = Credentials.isFresh(payload)
    // Options that make no sense are told at once, as far as that can be known.
    yield* Credentials.make({
      ...options,
      payload: Credentials.isPlain(payload) ? payload : undefined
    })
    // While a connection is renewed there are two payloads.
    let secrets: ReadonlyArray<Credentials.Credentials> = []
    const hide = (text: string) => secrets.reduce((text, { hide }) => hide(text), text)
    const destination = yield* shared(
      Effect.tap(Credentials.take(options), (credentials) => {
        secrets = [credentials, ...secrets.slice(0, 1)]
      }),
      {
        within: timings.openWithin,
        onTimeout: () => Credentials.missing("the payload took too long")
      }
    )

    let lastId = 0
    const pulls = new Set<OpenPull.OpenPull>()
    const pushes = new Set<PendingPush.PendingPush>()
    const requests: Connection.Requests = {
      open: () => [...pulls, ...pushes],
      nextId: () => String(++lastId),
      present: undefined,
      patience: 1
    }
    let refused: ConnectionRefused | undefined
    /** By which of the connections a server has told, or not, that it is one of this project's. */
    let greeting: { readonly wire: Wire; readonly isGreeted: boolean } | undefined

    const demand = Demand.make({
      requests,
      isRefused: () => refused !== undefined,
      isAnswered: () => requests.present !== undefined && board.state()._tag === "Online"
    })
    const begin = (exchange: Exchange) => {
      if (requests.present === undefined) demand.use()
      else exchange.start(requests.present.wire)
    }
    const reconnect = () => {
      rejected.retry()
      for (const pull of pulls) pull.retry()
      demand.ask()
    }

    const board = yield* StatusBoard.make({
      storeId,
      onStatus: options.onStatus,
      page:
        options.broadcastStatus === false
          ? undefined
          : { onSignal: demand.onSignal, onReconnect: reconnect }
    })
    const { note, status } = board
    const rejected = RejectedPush.make({
      after: timings.rejectedAfter,
      onChange: (rejected) => note({ rejected })
    })
    const counted = options.unconfirmed
    const unconfirmed = Unconfirmed.make(({ confirmed, unconfirmed }) =>
      note(counted === undefined ? { confirmed, unconfirmed } : { confirmed })
    )
    if (counted !== undefined) {
      yield* Effect.forkScoped(
        Stream.runForEach(Stream.changes(counted), (unconfirmed) =>
          Effect.sync(() => note({ unconfirmed }))
        )
      )
    }

    const isConnected = yield* SubscriptionRef.make(false)
    const setConnected = (next: boolean) =>
      Effect.flatMap(SubscriptionRef.get(isConnected), (current) =>
        current === next ? Effect.void : SubscriptionRef.set(isConnected, next)
      )
    yield* Effect.addFinalizer(() => setConnected(false))

    yield* Effect.acquireRelease(
      Effect.option(Effect.try(() => device.subscribe(demand.onSignal))),
      (stop) => Effect.ignore(Effect.try(() => Option.getOrUndefined(stop)?.()))
    )
    yield* Reconnect.run({
      storeId,
      destination,
      isFresh,
      timings,
      backoff: Backoff.make(options.retrySchedule ?? Backoff.schedule(timings)),
      requests,
      demand,
      fallback:
        options.transport === "auto"
          ? Effect.tryPromise(() => import("./HttpFallback.ts")).pipe(
              Effect.timeout(timings.openWithin),
              Effect.flatMap(({ make }) => make(demand.cameOnline, options.http)),
              Effect.catchAll(() => Effect.succeed(undefined))
            )
          : Effect.succeed(undefined),
      board,
      setConnected,
      onRefused: (end) => {
        refused = end && new ConnectionRefused(end)
        if (refused !== undefined) for (const pending of pushes) pending.fail(refused)
      },
      isDeviceOnline: () => {
        try {
          return device.isOnline()
        } catch {
          return true
        }
      },
      redact: hide
    }).pipe(Effect.forkScoped)

    const warn = (what: string, error: Pushing.PushError | OpenPull.PullFailure) =>
      Effect.clockWith((clock) => {
        const reason = hide(explain(error))
        note({ lastError: { at: clock.unsafeCurrentTimeMillis(), message: reason } })
        if (error._tag === "BackendIdMismatchError") unconfirmed.forget()
        return Effect.annotateLogs(Effect.logWarning(what), { storeId, error: error._tag, reason })
      })
    const pull: SyncClientService["pull"] = ({ live, ...from }) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          const pull = OpenPull.make({
            live,
            ...from,
            answerWithin,
            echoWithin,
            rejectedAfter: timings.rejectedAfter,
            onRejected: (error) => note({ pullRejected: error && hide(explain(error)) }),
            onEvents: (batch) => {
              const events = batch.map(({ eventEncoded }) => eventEncoded)
              board.count("received", events.length, 0)
              unconfirmed.delivered(events)
              rejected.delivered(events)
            },
            onGreeting: (wire, isGreeted) => {
              greeting = { wire, isGreeted }
            }
          })
          unconfirmed.reached(from.cursor)
          pulls.add(pull)
          begin(pull)
          return pull
        }),
        (pull) =>
          Effect.sync(() => {
            pulls.delete(pull)
            pull.close()
          })
      ).pipe(
        Effect.map((pull) => Stream.repeatEffectChunkOption(pull.take)),
        Stream.unwrapScoped,
        Stream.tapError((error) =>
          error._tag === "ConnectionLost" ? Effect.void : warn("a sync pull failed", error)
        )
      )

    const whenRefused = Stream.filter(status.changes, ({ _tag }) => _tag === "Refused").pipe(
      Stream.runHead,
      Effect.flatMap(() => refused ?? Effect.never)
    )

    const push = Pushing.make({
      storeId,
      limits: { ...RequestText.pushLimits, ...options.pushLimits },
      answerWithin,
      open: pushes,
      begin,
      refused: () => refused,
      whenRefused,
      takesLarge: () =>
        greeting?.wire === requests.present?.wire ? greeting?.isGreeted : undefined,
      rejected,
      unconfirmed,
      onHead: (head) => {
        for (const pull of pulls) pull.expect(head)
      },
      onSent: (events) => board.count("sent", events, 0),
      willEcho: () => [...pulls].some(({ live }) => live),
      readFrom: (cursor, backendId) => pull({ cursor, backendId, live: false }),
      confirmed: Effect.map(status.get, ({ confirmed }) => confirmed),
      tell: board.tell,
      warn: (error) => warn("a sync push failed", error)
    })

    const whenConnected = Effect.zipRight(
      Effect.sync(demand.use),
      Stream.runHead(Stream.filter(isConnected.changes, (isConnected) => isConnected))
    )

    return {
      pull,
      push,
      status,
      isConnected,
      connect: whenConnected.pipe(
        Effect.raceFirst(Effect.ignore(whenRefused)),
        Effect.timeoutOption(PING_WITHIN),
        Effect.asVoid
      ),
      ping: Effect.gen(function* () {
        yield* whenConnected
        const { present } = requests
        if (present === undefined) return yield* new PingTimeout()
        const pong = present.pong
        present.ping()
        yield* pong
      }).pipe(
        Effect.raceFirst(whenRefused),
        Effect.timeoutFail({ duration: PING_WITHIN, onTimeout: () => new PingTimeout() }),
        Effect.withSpan("SyncClient.ping")
      ),
      reconnect: Effect.sync(reconnect),
      probe: Effect.sync(demand.probe)
    }
  })

/** An error in its own words, or in those that a server gave it. */
const explain = (error: Pushing.PushError | OpenPull.PullFailure): string =>
  error._tag === "UnknownError" && error.cause instanceof Error
    ? error.cause.message
    : error.message

/**
 * The client of a store, for as long as the Layer lives. Fails only if the options make no sense.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options: Options
): Layer.Layer<SyncClient, InvalidOptions, Socket.WebSocketConstructor> =>
  Layer.scoped(SyncClient, make(options))
