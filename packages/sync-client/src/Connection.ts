/**
 * One connection, from its opening to its end: frames to the requests they belong to, a
 * watchdog over everything that is owed.
 *
 * @since 0.1.0
 */
import type * as Socket from "@effect/platform/Socket"
import * as Chunking from "@tidelog/sync-protocol/Chunking"
import * as Dialect from "@tidelog/sync-protocol/Dialect"
import type * as Frame from "@tidelog/sync-protocol/Frame"
import * as PingText from "@tidelog/sync-protocol/PingText"
import * as ServerFrameReader from "@tidelog/sync-protocol/ServerFrameReader"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { Credentials } from "./Credentials.ts"
import type { Exchange, Wire } from "./Exchange.ts"
import * as Heartbeat from "./Heartbeat.ts"
import * as SyncSocket from "./SyncSocket.ts"
import type { Millis } from "./Timings.ts"

/**
 * What outlives a connection: the requests that are open, the present connection as they and the
 * client's callers see it, and the ids that were used.
 *
 * @since 0.1.0
 * @category models
 */
export interface Requests {
  /** Pulls before pushes: who is told to be behind should have asked for what is missing. */
  readonly open: () => ReadonlyArray<Exchange>
  readonly nextId: () => Frame.RequestId
  present: Present | undefined
  /**
   * A large frame on a slow link keeps everything behind it waiting, pongs included. So each
   * connection that is left while it owes something doubles what the next one may take.
   */
  patience: number
}

/** On such a link a page of 900,000 bytes has 50 s: that is 18 kB/s. */
const MAX_PATIENCE = 8

/**
 * The present connection.
 *
 * @since 0.1.0
 * @category models
 */
export interface Present {
  readonly wire: Wire
  /** Asks whether anybody is there, as something has happened: less time than usual is given for the answer. */
  readonly probe: () => void
  /** Asks whether anybody is there. */
  readonly ping: () => void
  /** Done with the next Pong. */
  readonly pong: Effect.Effect<void>
}

/**
 * How a connection went.
 *
 * - `worked`: whether it has answered a request, or lasted for `provenAfter`, and was not left as broken.
 * - `next`: the connection that has taken its place, if one has.
 *
 * @since 0.1.0
 * @category models
 */
export interface Outcome<Next> {
  readonly end: SyncSocket.ConnectionEnd
  readonly worked: "no" | "answered" | "lasted"
  readonly next: Next | undefined
}

/**
 * Where a connection goes, and what its requests claim. Made for each.
 *
 * @since 0.1.0
 * @category models
 */
export type Destination = Effect.Effect<Credentials, SyncSocket.ConnectionEnd>

/**
 * A connection that is open, and not in use yet.
 *
 * @since 0.1.0
 * @category models
 */
export interface Opened {
  readonly socket: SyncSocket.SyncSocket
  readonly credentials: Credentials
}

/**
 * Opens a connection. `isProven`: only one that somebody answers on is good enough.
 *
 * @since 0.1.0
 * @category running
 */
export const open = (options: {
  readonly destination: Destination
  readonly timings: Pick<Millis, "openWithin">
  readonly isProven: boolean
}): Effect.Effect<Opened, SyncSocket.ConnectionEnd, Socket.WebSocketConstructor | Scope.Scope> =>
  Effect.gen(function* () {
    const within = options.timings.openWithin
    const credentials = yield* options.destination
    const socket = yield* SyncSocket.open({ ...credentials, within })
    if (options.isProven) {
      socket.send(PingText.PING_TEXT)
      yield* socket.incoming.take.pipe(
        Effect.catchTag("NoSuchElementException", () => Effect.never),
        Effect.timeoutFail({
          duration: within,
          onTimeout: () => SyncSocket.lost("nobody answers")
        })
      )
    }
    return { socket, credentials }
  })

/**
 * Starts every open request on a connection, and lives until the connection ends, or until `renewed` succeeds
 * with another one: that is to take over then, and no request is told that this one is over.
 *
 * @since 0.1.0
 * @category running
 */
export const serve = <Next>(
  opened: Opened,
  options: {
    readonly timings: Millis
    readonly requests: Requests
    /** Somebody has answered. */
    readonly onFirstFrame: Effect.Effect<void>
    /** What the server says of itself. */
    readonly onGreeting: (greeting: Frame.Greeting) => void
    /** ms that the answer to a ping took. */
    readonly onRoundTrip: (millis: number) => void
    readonly onTraffic: (direction: "received" | "sent", bytes: number) => void
    readonly renewed: Effect.Effect<Next>
  }
): Effect.Effect<Outcome<Next>> =>
  Effect.gen(function* () {
    const clock = yield* Effect.clock
    const now = () => clock.unsafeCurrentTimeMillis()
    const { credentials, socket } = opened
    const { onTraffic, requests } = options
    const { answerWithin, echoWithin, lateAfter, pingAfter } = options.timings
    const { pongWithin, probeWithin, provenAfter } = options.timings

    // A request made while the watchdog sleeps is not late before this: no need to wake it.
    const shortest = Math.min(answerWithin, echoWithin)

    const openedAt = now()
    const { patience } = requests
    let answered = false
    let late = false
    let left: SyncSocket.ConnectionEnd | undefined

    let heartbeat = Heartbeat.heard(openedAt)
    let pingedAt: number | undefined
    /** Bytes that the ping waits behind. */
    let ahead = 0
    let pong = yield* Deferred.make<void>()
    const probed = Effect.unsafeMakeLatch(false)
    const exchanges = new Map<Frame.RequestId, Exchange>()

    socket.onText = (text) => {
      heartbeat = Heartbeat.heard(now())
      onTraffic("received", Chunking.byteLength(text))
    }
    const send = (text: string): void => {
      onTraffic("sent", Chunking.byteLength(text))
      socket.send(text)
    }
    const ping = (within: number): void => {
      heartbeat = Heartbeat.asked(heartbeat, now(), within)
      pingedAt ??= now()
      ahead = socket.unsent()
      send(PingText.PING_TEXT)
    }

    const wire: Wire = {
      now,
      patience,
      claims: credentials.claims,
      send,
      claim: (exchange) => {
        const id = requests.nextId()
        exchanges.set(id, exchange)
        return id
      },
      release: (id) => {
        exchanges.delete(id)
      },
      leave: (reason, { broken }) => {
        left ??= SyncSocket.lost(reason, { broken })
        late ||= !broken
        socket.end(left)
      }
    }

    const onFrame = Effect.fnUntraced(function* (frame: Frame.ServerFrame, size: number) {
      switch (frame._tag) {
        case "Pong": {
          if (pingedAt !== undefined) options.onRoundTrip(now() - pingedAt)
          pingedAt = undefined
          Deferred.unsafeDone(pong, Exit.void)
          pong = yield* Deferred.make<void>()
          return
        }
        case "Chunk": {
          answered = true
          if (frame.server !== undefined) options.onGreeting(frame.server)
          exchanges.get(frame.requestId)?.onChunk(frame, size)
          return
        }
        case "Exit": {
          const exchange = exchanges.get(frame.requestId)
          if (exchange === undefined) return
          const exit = yield* Effect.option(Dialect.effect3.decode(frame.exit))
          exchanges.delete(frame.requestId)
          answered ||= Option.isSome(exit)
          exchange.onExit(Option.getOrUndefined(exit))
          return
        }
        case "Defect": {
          return wire.leave("the server failed on this connection", { broken: true })
        }
      }
    })

    const readFrames = Effect.gen(function* () {
      let first = true
      while (true) {
        const text = yield* socket.incoming.take
        const frame = ServerFrameReader.serverFrame(text)
        if (frame === undefined) {
          return yield* SyncSocket.lost("a frame makes no sense", { broken: true })
        }
        if (first) {
          first = false
          yield* options.onFirstFrame
        }
        yield* onFrame(frame, text.length)
        if (left !== undefined) return yield* left
      }
    }).pipe(
      // The inbox ends by failing, never by running out.
      Effect.catchTag("NoSuchElementException", () => Effect.never)
    )

    const isOwed = () => requests.open().some((exchange) => exchange.dueAt() < Infinity)

    const watch = Effect.gen(function* () {
      let before = openedAt
      while (true) {
        probed.unsafeClose()
        // A clock that is set back makes nobody wait for the time that it has lost.
        const lost = now() - before
        if (lost < 0) {
          heartbeat = Heartbeat.heard(now())
          for (const exchange of requests.open()) exchange.postpone(lost)
        }
        before = now()
        const due = Math.min(
          now() + shortest,
          Heartbeat.dueAt(heartbeat, pingAfter),
          ...requests.open().map((exchange) => exchange.dueAt())
        )
        const wait = due - now()
        if (wait > 0) {
          const slept = yield* Effect.sleep(wait).pipe(
            Effect.as(true),
            Effect.raceFirst(Effect.as(probed.await, false))
          )
          const overslept = now() - due
          if (!slept || overslept <= lateAfter) continue
          for (const exchange of requests.open()) exchange.postpone(overslept)
          const excused = Heartbeat.excused(heartbeat, now(), probeWithin)
          if (excused === undefined) continue
          heartbeat = excused
          send(PingText.PING_TEXT)
          continue
        }
        if (Heartbeat.dueAt(heartbeat, pingAfter) <= now()) {
          if (heartbeat._tag === "Asked") {
            const unsent = socket.unsent()
            if (unsent < ahead) {
              // On a slow link what is sent holds up the ping behind it, and goes on.
              ahead = unsent
              const more = pongWithin * patience
              heartbeat = Heartbeat.asked(Heartbeat.heard(now()), now(), more)
              for (const exchange of requests.open()) exchange.postpone(more)
              continue
            }
            late = isOwed()
            return yield* SyncSocket.lost("no sign of life")
          }
          ping(pongWithin * patience)
        }
        for (const exchange of requests.open()) if (exchange.dueAt() <= now()) exchange.overdue()
        if (left !== undefined) return yield* left
      }
    })

    const live = Effect.acquireUseRelease(
      Effect.sync(() => {
        const ask = (within: number) => {
          ping(within * patience)
          probed.unsafeOpen()
        }
        requests.present = {
          wire,
          // An answer may stand behind a page that is on its way.
          probe: () => ask(isOwed() ? pongWithin : probeWithin),
          ping: () => ask(pongWithin),
          pong: Effect.suspend(() => Deferred.await(pong))
        }
        // An idle client learns from the answer that it is connected.
        ping(pongWithin)
        for (const exchange of requests.open()) exchange.start(wire)
      }),
      () => Effect.raceFirst(Effect.raceFirst(readFrames, watch), options.renewed),
      (_, exit) =>
        Effect.sync(() => {
          requests.present = undefined
          if (Exit.isFailure(exit)) for (const exchange of requests.open()) exchange.lost()
        })
    )

    const ended = yield* Effect.either(live)
    requests.patience = late ? Math.min(patience * 2, MAX_PATIENCE) : 1
    const end = ended._tag === "Left" ? ended.left : SyncSocket.lost("renewed")
    const lasted = now() - openedAt >= provenAfter
    return {
      end,
      worked: end.broken ? "no" : lasted ? "lasted" : answered ? "answered" : "no",
      next: ended._tag === "Right" ? ended.right : undefined
    }
  })
