/**
 * The client over HTTP, without a WebSocket: `@tidelog/sync-client/http`.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as HttpSocket from "./HttpSocket.ts"
import { type CfSyncOptions, makeCfSync } from "./LiveStore.ts"
import * as Timings from "./Timings.ts"

export {
  /**
   * @since 0.1.0
   * @category namespaces
   */
  HttpSocket
}

/**
 * What `makeHttpSync` is told: what `makeCfSync` is, but for how WebSockets are made, and how requests are.
 *
 * @since 0.1.0
 * @category models
 */
export interface HttpSyncOptions
  extends Omit<CfSyncOptions, "webSocket" | "transport" | "http">, HttpSocket.Options {}

/**
 * A sync backend for LiveStore's `sync: { backend }` that asks by HTTP requests, and looks for new events every
 * `pollInterval`. It reconnects, resumes and repeats as `makeCfSync` does.
 *
 * @example
 * ```ts
 * makeWorker({ schema, sync: { backend: makeHttpSync({ url: "https://sync.example.com" }) } })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeHttpSync = ({
  fetch,
  pollInterval = HttpSocket.POLL_INTERVAL,
  timings,
  ...options
}: HttpSyncOptions): ReturnType<typeof makeCfSync> =>
  makeCfSync({
    ...options,
    webSocket: HttpSocket.layer({ fetch, pollInterval }),
    timings: {
      // What is polled needs no ping beside.
      pingAfter: Duration.sum(pollInterval, Timings.defaults.pingAfter),
      ...timings
    }
  })
