/**
 * When a connection is wanted: from the first use of the client on, and at once when the app asks for one or the
 * device says that something has changed.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { Requests } from "./Connection.ts"
import type * as Device from "./Device.ts"

/**
 * @since 0.1.0
 * @category models
 */
export interface Demand {
  /** Opened to connect at once. */
  readonly go: Effect.Latch
  /** Opened when the device says that it has no network, or has one again. */
  readonly wentOffline: Effect.Latch
  readonly cameOnline: Effect.Latch
  /** How often the app has asked for an attempt. */
  readonly asked: () => number
  /** How often something has happened that may have mended the network. */
  readonly changes: () => number
  /** The client is used: the first time connects it, later ones do not hurry its attempts. */
  readonly use: () => void
  /** The app asks for a connection. */
  readonly ask: () => void
  /** Something may have happened to the network. */
  readonly probe: () => void
  readonly onSignal: (signal: Device.Signal) => void
}

/**
 * `isRefused`: whether the server refuses the client. `isAnswered`: whether the present connection works.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: {
  readonly requests: Pick<Requests, "present">
  readonly isRefused: () => boolean
  readonly isAnswered: () => boolean
}): Demand => {
  const { requests } = options
  const go = Effect.unsafeMakeLatch(false)
  const wentOffline = Effect.unsafeMakeLatch(false)
  const cameOnline = Effect.unsafeMakeLatch(false)
  let isUsed = false
  let asked = 0
  let changes = 0

  const connectNow = () => {
    isUsed = true
    go.unsafeOpen()
  }
  const probe = () => {
    if (requests.present !== undefined) requests.present.probe()
    // What is not needed yet, or refused, is not for the network to begin.
    else if (isUsed && !options.isRefused()) {
      changes += 1
      connectNow()
    }
  }
  return {
    go,
    wentOffline,
    cameOnline,
    asked: () => asked,
    changes: () => changes,
    use: () => {
      if (!isUsed) connectNow()
    },
    ask: () => {
      asked += 1
      // One that has not answered yet may be refused, for a reason that the app has mended by now.
      if (!options.isAnswered()) connectNow()
    },
    probe,
    onSignal: (signal) => {
      if (signal !== "awake") (signal === "offline" ? wentOffline : cameOnline).unsafeOpen()
      // Without a network a socket may still look open, and no attempt is worth while.
      if (signal !== "offline" || requests.present !== undefined) probe()
    }
  }
}
