/**
 * The client's state machine: connection after connection, until the scope closes. `SyncStatus` says
 * which states there are, and this module is the one place where they change.
 *
 * @since 0.1.0
 */
import * as Socket from "@effect/platform/Socket"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Backoff from "./Backoff.ts"
import * as Blocked from "./Blocked.ts"
import * as Connection from "./Connection.ts"
import type { Demand } from "./Demand.ts"
import type { HttpFallback } from "./HttpFallback.ts"
import { remaining } from "./internal/remaining.ts"
import * as Renewal from "./Renewal.ts"
import * as Retry from "./Retry.ts"
import type { StatusBoard } from "./StatusBoard.ts"
import * as SyncSocket from "./SyncSocket.ts"
import type { Millis } from "./Timings.ts"

/**
 * What the state machine is told, and whom it tells.
 *
 * @since 0.1.0
 * @category models
 */
export interface Reconnect {
  readonly storeId: string
  readonly destination: Connection.Destination
  /** Whether the next connection may be let in where this one was not: its payload is made anew. */
  readonly isFresh: boolean
  readonly timings: Millis
  readonly backoff: Backoff.Backoff
  readonly requests: Connection.Requests
  readonly demand: Pick<Demand, "go" | "asked" | "changes" | "wentOffline">
  readonly board: StatusBoard
  readonly setConnected: (isConnected: boolean) => Effect.Effect<void>
  /** The server refuses: what cannot wait fails. `undefined`: it does no more. */
  readonly onRefused: (
    refused: { readonly code: number; readonly reason: string } | undefined
  ) => void
  /** Whether the device believes to have a network. */
  readonly isDeviceOnline: () => boolean
  /** HTTP, for where WebSockets are blocked; nothing if it cannot be had just now. */
  readonly fallback: Effect.Effect<HttpFallback | undefined>
  /** Takes secrets out of a server's words. */
  readonly redact: (text: string) => string
}

/** A connection, with what ends it for good. */
interface Opened extends Connection.Opened {
  readonly close: Effect.Effect<void>
}

/**
 * Runs for ever, and never fails.
 *
 * One warning is logged when a connection that worked is lost, or the first one does not come about,
 * or the server refuses; none for the attempts that follow.
 *
 * @since 0.1.0
 * @category running
 */
export const run = (
  options: Reconnect
): Effect.Effect<never, never, Socket.WebSocketConstructor | Scope.Scope> =>
  Effect.gen(function* () {
    const { backoff, board, demand, isFresh, timings } = options
    const { go, wentOffline } = demand
    const { backoffMax, renewBefore, returnWithin, spacing } = timings
    const scope = yield* Effect.scope
    const construct = yield* Socket.WebSocketConstructor
    let attempts = Retry.none
    let warned = false
    let isOnline = false
    let next: Opened | undefined
    const isBlocked = Blocked.make()
    /** While connections go over HTTP. */
    let http: HttpFallback | undefined

    const onFirstFrame = Effect.gen(function* () {
      if (isOnline) return
      isOnline = true
      if (warned) yield* Effect.logInfo("sync connection is back")
      warned = false
      yield* board.setState({ _tag: "Online", since: yield* Clock.currentTimeMillis })
      yield* options.setConnected(true)
    })

    /** Opens a connection that outlives whoever has opened it. */
    const open = (
      isProven: boolean,
      over = http?.construct ?? construct
    ): Effect.Effect<Opened, SyncSocket.ConnectionEnd> =>
      Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(Scope.fork(scope, scope.strategy), (own) => {
          const close = Scope.close(own, Exit.void)
          return restore(Scope.extend(Connection.open({ ...options, isProven }), own)).pipe(
            Effect.map((opened) => ({ ...opened, close })),
            Effect.onError(() => close)
          )
        })
      ).pipe(Effect.provideService(Socket.WebSocketConstructor, over))

    const serve = Effect.fnUntraced(function* (opened: Opened) {
      const successors = new Set<Opened>()
      const succeed = (over?: (url: string) => globalThis.WebSocket) =>
        Effect.tap(open(true, over), (opened) => {
          successors.add(opened)
        })
      const renewal = yield* Renewal.make({ before: renewBefore, successor: succeed() })
      const expiresIn = isFresh ? renewal.expiresIn : () => {}
      const { expiresAt } = opened.credentials
      if (expiresAt !== undefined) expiresIn(expiresAt - (yield* Clock.currentTimeMillis))
      const outcome = yield* Connection.serve(opened, {
        ...options,
        onFirstFrame: Effect.suspend(() => {
          board.note({ transport: opened.socket.transport })
          return onFirstFrame
        }),
        onGreeting: (greeting) => {
          if (greeting.expiresIn !== undefined) expiresIn(greeting.expiresIn)
        },
        onRoundTrip: (roundTrip) => board.note({ roundTrip }),
        onTraffic: (direction, bytes) => board.count(direction, 0, bytes),
        renewed: http?.orBack(renewal.renewed, succeed(construct)) ?? renewal.renewed
      })
      // What ends in the same moment as another one, nobody takes.
      for (const other of successors) if (other !== outcome.next) yield* other.close
      return outcome
    })

    const attempt = Effect.suspend(() =>
      next === undefined ? open(false) : Effect.succeed(next)
    ).pipe(
      Effect.flatMap((opened) => Effect.ensuring(serve(opened), opened.close)),
      Effect.catchAllCause((cause) =>
        Effect.gen(function* () {
          const end = Cause.failureOption(cause)
          // A socket or an option of the app's that throws is no reason to stop.
          if (Option.isNone(end)) yield* Effect.logError("the client cannot connect", cause)
          const lost = SyncSocket.lost("the client cannot connect")
          return { end: Option.getOrElse(end, () => lost), worked: "no" as const, next: undefined }
        })
      ),
      // It may end in a fiber within, as of a race. It is handled here, so Effect need not tell those who debug.
      Effect.withUnhandledErrorLogLevel(Option.none())
    )

    /** Waits for the next attempt, or until it is wanted at once. */
    const pause = Effect.fnUntraced(function* (wait: number, now: number, reason: string) {
      wentOffline.unsafeClose()
      if (options.isDeviceOnline()) {
        const retryAt = now + wait
        yield* board.setState({
          _tag: "Waiting",
          since: now,
          attempt: attempts.failures + 1,
          retryAt,
          reason
        })
        const isOver = Effect.as(Effect.raceFirst(Effect.sleep(wait), go.await), true)
        if (yield* Effect.raceFirst(isOver, Effect.as(wentOffline.await, false))) return
      }
      yield* board.setState({ _tag: "Offline", since: yield* Clock.currentTimeMillis })
      // What the device says may be wrong.
      yield* Effect.raceFirst(Effect.sleep(Math.max(wait, backoffMax)), go.await)
    })

    /** Until the next attempt, in ms. `soonest`: until attempts may follow each other. */
    const waitOf = (next: Retry.Next, soonest: number): Effect.Effect<number> => {
      const scheduled = Effect.map(backoff.next, (wait) => wait ?? backoffMax)
      const noSooner = Effect.map((wait: number) => Math.max(soonest, wait))
      switch (next) {
        case "BackOff":
          return scheduled
        case "Renew":
          return noSooner(scheduled)
        case "Spread":
          return noSooner(Backoff.upTo(returnWithin))
        default:
          return Effect.succeed(soonest)
      }
    }

    yield* go.await
    while (true) {
      // Whoever asks for a connection while one is being opened gets another attempt if it fails.
      go.unsafeClose()
      const asked = demand.asked()
      const startedAt = yield* Clock.currentTimeMillis
      if (next === undefined) {
        options.onRefused(undefined)
        yield* board.setState({
          _tag: "Connecting",
          since: startedAt,
          attempt: attempts.failures + 1
        })
      }
      const outcome = yield* attempt
      next = outcome.next
      if (next !== undefined) {
        if (next.socket.transport === "ws") http = undefined
        continue
      }
      const heard = isOnline
      isOnline = false
      yield* options.setConnected(false)

      const { end, worked } = outcome
      const now = yield* Clock.currentTimeMillis
      const reason = options.redact(end.reason)
      board.note({ lastError: { at: now, message: reason } })

      if (http !== undefined) {
        // Where nobody answers over HTTP either, it is no matter of WebSockets.
        if (!heard) http = undefined
      } else if (isBlocked(end, heard) && options.isDeviceOnline()) {
        http = yield* options.fallback
        if (http !== undefined) continue
      }

      const retry = Retry.after(attempts, {
        worked,
        code: end.code,
        canRenew: isFresh,
        changes: demand.changes()
      })
      attempts = retry.attempts
      if (retry.isReset) backoff.reset()
      if (retry.next === "Refused") {
        // Who has asked for another attempt meanwhile has mended something, it may be; the network has not.
        if (demand.asked() === asked) go.unsafeClose()
        warned = true
        yield* board.setState({ _tag: "Refused", since: now, code: end.code, reason })
        options.onRefused({ code: end.code, reason })
        yield* Effect.annotateLogs(Effect.logWarning("sync connection refused"), {
          code: end.code,
          reason,
          nextAttempt: "when told to reconnect"
        })
        yield* go.await
        // An app that asks again whenever it is refused asks no more than once a second.
        const asksAt = yield* Clock.currentTimeMillis
        yield* Effect.sleep(remaining(spacing, { since: startedAt, now: asksAt }))
        continue
      }

      const soonest = remaining(spacing, { since: startedAt, now })
      const wait = yield* waitOf(retry.next, soonest)
      if (!warned) {
        warned = true
        yield* Effect.annotateLogs(Effect.logWarning("sync connection lost"), {
          code: end.code,
          reason,
          nextAttempt: `in ${wait} ms`
        })
      }
      if (wait > 0) yield* pause(wait, now, reason)
    }
  }).pipe(Effect.annotateLogs({ storeId: options.storeId }))
