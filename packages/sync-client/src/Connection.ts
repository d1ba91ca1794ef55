/**
 * One connection, from the attempt to open it to its end: frames to the requests they belong to, a
 * watchdog over everything that is owed.
 *
 * @since 0.1.0
 */
import type * as Socket from "@effect/platform/Socket"
import { Dialect, Frame } from "@tidelog/sync-protocol"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
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
  /** Asks whether anybody is there, to be answered within the time of a probe. */
  readonly probe: () => void
  /** Done with the next Pong. */
  readonly pong: Effect.Effect<void>
}

/**
 * How a connection went. `proven`: it worked, so the next failure is the first again.
 *
 * @since 0.1.0
 * @category models
 */
export interface Outcome {
  readonly end: SyncSocket.ConnectionEnd
  readonly proven: boolean
}

/**
 * Where a connection goes, and what its requests claim. Made for each.
 *
 * @since 0.1.0
 * @category models
 */
export type Destination = Effect.Effect<Pick<Credentials, "url" | "claims">, string>

const decodeFrame = Schema.decodeOption(Frame.ServerFrameFromText)

const PONG: Frame.ServerFrame = { _tag: "Pong" }

/**
 * Connects, starts every open request, and lives until the connection ends. `onFirstFrame` runs once
 * somebody has answered.
 *
 * @since 0.1.0
 * @category running
 */
export const run = (options: {
  readonly destination: Destination
  readonly timings: Millis
  readonly requests: Requests
  readonly onFirstFrame: Effect.Effect<void>
}): Effect.Effect<Outcome, never, Socket.WebSocketConstructor> =>
  Effect.gen(function* () {
    const clock = yield* Effect.clock
    const now = () => clock.unsafeCurrentTimeMillis()
    const { requests } = options
    const { answerWithin, echoWithin, lateAfter, openWithin, pingAfter } = options.timings
    const { pongWithin, probeWithin, provenAfter } = options.timings

    // A request made while the watchdog sleeps is not late before this: no need to wake it.
    const shortest = Math.min(answerWithin, echoWithin)

    const { patience } = requests
    let openedAt: number | undefined
    let answered = false
    let late = false

    const live = Effect.gen(function* () {
      const { claims, url } = yield* options.destination.pipe(
        // One that cannot be interrupted is left to itself.
        Effect.disconnect,
        Effect.timeoutFail({ duration: openWithin, onTimeout: () => "the payload took too long" }),
        Effect.mapError((reason) => SyncSocket.lost(reason))
      )
      let heartbeat = Heartbeat.heard(now())
      const socket = yield* SyncSocket.open({
        url,
        within: openWithin,
        onText: () => {
          heartbeat = Heartbeat.heard(now())
        }
      })
      openedAt = now()

      const exchanges = new Map<Frame.RequestId, Exchange>()
      const probed = Effect.unsafeMakeLatch(false)
      let left: SyncSocket.ConnectionEnd | undefined
      let pong = yield* Deferred.make<void>()

      const ping = (within: number): void => {
        heartbeat = Heartbeat.asked(heartbeat, now(), within)
        socket.send(Frame.PING_TEXT)
      }

      const wire: Wire = {
        now,
        patience,
        claims,
        send: socket.send,
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

      const onFrame = Effect.fnUntraced(function* (frame: Frame.ServerFrame) {
        switch (frame._tag) {
          case "Pong": {
            Deferred.unsafeDone(pong, Exit.void)
            pong = yield* Deferred.make<void>()
            return
          }
          case "Chunk": {
            answered = true
            exchanges.get(frame.requestId)?.onChunk(frame)
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
          const frame = text === Frame.PONG_TEXT ? Option.some(PONG) : decodeFrame(text)
          if (Option.isNone(frame)) {
            return yield* SyncSocket.lost("a frame makes no sense", { broken: true })
          }
          if (first) {
            first = false
            yield* options.onFirstFrame
          }
          yield* onFrame(frame.value)
          if (left !== undefined) return yield* left
        }
      }).pipe(
        // The inbox ends by failing, never by running out.
        Effect.catchTag("NoSuchElementException", () => Effect.never)
      )

      const watch = Effect.gen(function* () {
        while (true) {
          probed.unsafeClose()
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
            socket.send(Frame.PING_TEXT)
            continue
          }
          if (Heartbeat.dueAt(heartbeat, pingAfter) <= now()) {
            if (heartbeat._tag === "Asked") {
              late = requests.open().some((exchange) => exchange.dueAt() < Infinity)
              return yield* SyncSocket.lost("no sign of life")
            }
            ping(pongWithin * patience)
          }
          for (const exchange of requests.open()) if (exchange.dueAt() <= now()) exchange.overdue()
          if (left !== undefined) return yield* left
        }
      })

      yield* Effect.acquireRelease(
        Effect.sync(() => {
          requests.present = {
            wire,
            probe: () => {
              ping(probeWithin)
              probed.unsafeOpen()
            },
            pong: Effect.suspend(() => Deferred.await(pong))
          }
          // An idle client learns from the answer that it is connected.
          ping(pongWithin)
          for (const exchange of requests.open()) exchange.start(wire)
        }),
        () =>
          Effect.sync(() => {
            requests.present = undefined
            for (const exchange of requests.open()) exchange.lost()
          })
      )
      return yield* Effect.raceFirst(readFrames, watch)
    })

    const end = yield* Effect.flip(Effect.scoped(live))
    requests.patience = late ? Math.min(patience * 2, MAX_PATIENCE) : 1
    return {
      end,
      proven: !end.broken && openedAt !== undefined && (answered || now() - openedAt >= provenAfter)
    }
  })
