/**
 * Sockets that speak HTTP underneath: each request is a POST.
 *
 * @since 0.1.0
 */
import * as Socket from "@effect/platform/Socket"
import type * as Frame from "@tidelog/sync-protocol/Frame"
import * as HttpMessage from "@tidelog/sync-protocol/HttpMessage"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as HttpAnswer from "./HttpAnswer.ts"
import * as RequestSocket from "./RequestSocket.ts"

/**
 * How requests are made.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** From one look for new events to the next: a plain number is milliseconds. Default: 5 seconds. */
  readonly pollInterval?: Duration.DurationInput | undefined
  /** Default: the global `fetch`. */
  readonly fetch?: typeof globalThis.fetch | undefined
}

/**
 * @since 0.1.0
 * @category constants
 */
export const POLL_INTERVAL: Duration.DurationInput = "5 seconds"

/** For the head of an answer to a pull, and for each part of it. Other requests have the client's own deadlines. */
const PULL_WITHIN = 30_000

/** The URL of a WebSocket connection, as that of its HTTP requests. */
const toHttp = (url: string): string =>
  url.replace(/^ws/, "http").replace(/([?&]transport=)ws(?=&|$)/, "$1http")

const storeIdOf = (url: string): string =>
  decodeURIComponent(/[?&]storeId=([^&]*)/.exec(url)?.[1] ?? "")

const encodePull = Schema.encodeSync(HttpMessage.PullRequest)

const transport =
  (options: Options) =>
  (url: string): RequestSocket.Transport => {
    // @effect-diagnostics-next-line globalFetch:off
    const fetch = options.fetch ?? ((...args) => globalThis.fetch(...args))
    const ask = (request: Frame.Request, rest: Pick<HttpAnswer.Post, "within" | "mayFail">) =>
      HttpAnswer.frames({ fetch, url: toHttp(url), text: JSON.stringify(request), ...rest })
    return {
      name: "http",
      interval: options.pollInterval ?? POLL_INTERVAL,
      isTold: false,
      ping: ask(
        {
          _tag: "Request",
          id: "0",
          tag: HttpMessage.PING,
          payload: { storeId: storeIdOf(url) },
          headers: []
        },
        { within: Infinity, mayFail: false }
      ),
      push: (request) =>
        ask({ ...request, tag: HttpMessage.PUSH }, { within: Infinity, mayFail: true }),
      pull: (request) =>
        Effect.succeed((pull) =>
          ask(
            { ...request, tag: HttpMessage.PULL, payload: encodePull(pull) },
            { within: PULL_WITHIN, mayFail: false }
          )
        )
    }
  }

/**
 * Makes sockets that speak HTTP, in the place of WebSockets.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options = {}): Effect.Effect<(url: string) => globalThis.WebSocket> =>
  RequestSocket.make(transport(options))

/**
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<Socket.WebSocketConstructor> =>
  Layer.effect(Socket.WebSocketConstructor, make(options))
