/**
 * The client's state machine: connection after connection, until the scope closes. `SyncStatus` says
 * which states there are, and this module is the one place where they change.
 *
 * @since 0.1.0
 */
import type * as Socket from "@effect/platform/Socket"
import { Handshake } from "@tidelog/sync-protocol"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Backoff from "./Backoff.ts"
import * as Connection from "./Connection.ts"
import * as SyncSocket from "./SyncSocket.ts"
import type { SyncStatus } from "./SyncStatus.ts"
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
  readonly requests: Connection.Requests
  /** Opened to connect at once: by the first use, and by `reconnect`. */
  readonly go: Effect.Latch
  readonly setStatus: (status: SyncStatus) => Effect.Effect<void>
  readonly setConnected: (isConnected: boolean) => Effect.Effect<void>
  /** The server refuses: what cannot wait fails. */
  readonly onRefused: (code: number, reason: string) => Effect.Effect<void>
  /** Whether the device believes to have a network. */
  readonly isDeviceOnline: () => boolean
  /** Takes secrets out of a server's words. */
  readonly redact: (text: string) => string
}

/**
 * A token that ends, and the next one, are not always there at one time: the clocks differ. With the waits in
 * between, some seconds.
 */
const MAX_RENEWALS = 6

/**
 * Runs for ever, and never fails.
 *
 * One warning is logged when a connection that worked is lost, or the first one does not come about,
 * or the server refuses; none for the attempts that follow.
 *
 * @since 0.1.0
 * @category running
 */
export const run = (options: Reconnect): Effect.Effect<never, never, Socket.WebSocketConstructor> =>
  Effect.gen(function* () {
    let failures = 0
    /** Attempts in a row with a payload made anew, because the one before has ended. */
    let renewals = 0
    let warned = false

    const onFirstFrame = Effect.gen(function* () {
      if (warned) yield* Effect.logInfo("sync connection is back")
      warned = false
      yield* options.setStatus({ _tag: "Online", since: yield* Clock.currentTimeMillis })
      yield* options.setConnected(true)
    })

    yield* options.go.await
    while (true) {
      // Whoever asks for a connection while one is being opened gets another attempt if it fails.
      options.go.unsafeClose()
      const startedAt = yield* Clock.currentTimeMillis
      yield* options.setStatus({ _tag: "Connecting", since: startedAt, attempt: failures + 1 })
      const { end, proven } = yield* Connection.run({ ...options, onFirstFrame })
      yield* options.setConnected(false)

      const now = yield* Clock.currentTimeMillis
      const reason = options.redact(end.reason)

      // The credentials of a connection that worked have ended: there may be others by now, or soon.
      if (now - startedAt >= options.timings.provenAfter) renewals = 0
      const mayRenew =
        options.isFresh
        && end.code === Handshake.CloseCode.unauthorized
        && (renewals > 0 ? renewals < MAX_RENEWALS : proven)
      if (Handshake.isRefusal(end.code) && !mayRenew) {
        options.go.unsafeClose()
        failures = 0
        renewals = 0
        warned = true
        yield* options.setStatus({ _tag: "Refused", since: now, code: end.code, reason })
        yield* options.onRefused(end.code, reason)
        yield* Effect.annotateLogs(Effect.logWarning("sync connection refused"), {
          code: end.code,
          reason,
          nextAttempt: "when told to reconnect"
        })
        yield* options.go.await
        continue
      }

      renewals = mayRenew ? renewals + 1 : 0
      failures = proven || mayRenew ? 0 : failures + 1
      const soonest = Math.max(0, startedAt + options.timings.spacing - now)
      const wait = mayRenew
        ? Math.max(soonest, yield* Backoff.delay(options.timings, renewals))
        : failures > 0
          ? yield* Backoff.delay(options.timings, failures)
          : end.code === SyncSocket.LOST
            ? soonest
            : Math.max(soonest, yield* Backoff.upTo(options.timings.returnWithin))
      if (!warned) {
        warned = true
        yield* Effect.annotateLogs(Effect.logWarning("sync connection lost"), {
          code: end.code,
          reason,
          nextAttempt: `in ${wait} ms`
        })
      }
      if (wait <= 0) continue
      yield* options.setStatus(
        options.isDeviceOnline()
          ? { _tag: "Waiting", since: now, attempt: failures + 1, retryAt: now + wait, reason }
          : { _tag: "Offline", since: now }
      )
      yield* Effect.raceFirst(Effect.sleep(wait), options.go.await)
    }
  }).pipe(Effect.annotateLogs({ storeId: options.storeId }))
