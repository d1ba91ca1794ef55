/**
 * A socket that speaks HTTP underneath: it has a WebSocket's surface, takes the client's frames and answers with a
 * server's, and each request is a POST. So all that is above a socket is one code path.
 *
 * There is nothing to open: it is open from the start, and whether anybody is there tells the first answer. It
 * ends as a WebSocket would have, with the same codes.
 *
 * @since 0.1.0
 */
import * as Socket from "@effect/platform/Socket"
import type * as Frame from "@tidelog/sync-protocol/Frame"
import * as FrameReader from "@tidelog/sync-protocol/FrameReader"
import * as HttpMessage from "@tidelog/sync-protocol/HttpMessage"
import * as PingText from "@tidelog/sync-protocol/PingText"
import * as RequestTag from "@tidelog/sync-protocol/RequestTag"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Layer from "effect/Layer"
import * as Runtime from "effect/Runtime"
import * as Stream from "effect/Stream"
import * as HttpAnswer from "./HttpAnswer.ts"
import * as HttpPull from "./HttpPull.ts"
import * as SyncSocket from "./SyncSocket.ts"

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

/** As a WebSocket's `readyState` says it. */
const OPEN = 1
const CLOSED = 3

/** For the head of an answer to a pull, and for each part of it. Other requests have the client's own deadlines. */
const PULL_WITHIN = 30_000

/** The URL of a WebSocket connection, as that of its HTTP requests. */
const toHttp = (url: string): string =>
  url.replace(/^ws/, "http").replace(/([?&]transport=)ws(?=&|$)/, "$1http")

const storeIdOf = (url: string): string =>
  decodeURIComponent(/[?&]storeId=([^&]*)/.exec(url)?.[1] ?? "")

/** All that is under way of a socket ends with it. */
class HttpSocket extends EventTarget {
  /** Tells it from a WebSocket. */
  readonly transport = "http"
  readonly url: string
  readyState = OPEN
  private readonly run: (effect: Effect.Effect<void, SyncSocket.ConnectionEnd>) => () => void
  private readonly ask: (
    request: Frame.Request,
    options: Pick<HttpAnswer.Post, "within" | "mayFail">
  ) => Stream.Stream<string, SyncSocket.ConnectionEnd>
  private readonly pollInterval: Duration.DurationInput
  private readonly pulls = new Map<Frame.RequestId, HttpPull.HttpPull & { end: () => void }>()
  private readonly fibers = new Set<Fiber.RuntimeFiber<void>>()

  constructor(url: string, runtime: Runtime.Runtime<never>, options: Options) {
    super()
    this.url = toHttp(url)
    this.pollInterval = options.pollInterval ?? POLL_INTERVAL
    // @effect-diagnostics-next-line globalFetch:off
    const fetch = options.fetch ?? ((...args) => globalThis.fetch(...args))
    this.ask = (request, rest) =>
      HttpAnswer.frames({ fetch, url: this.url, text: JSON.stringify(request), ...rest })
    const runFork = Runtime.runFork(runtime)
    this.run = (effect) => {
      const fiber = runFork(
        Effect.catchAll(effect, ({ code, reason }) => Effect.sync(() => this.end(code, reason)))
      )
      this.fibers.add(fiber)
      fiber.addObserver(() => this.fibers.delete(fiber))
      return () => fiber.unsafeInterruptAsFork(FiberId.none)
    }
  }

  send(text: string): void {
    if (this.readyState !== OPEN) return
    const read = FrameReader.clientFrame(text)
    // Its only user writes no others.
    if (Either.isLeft(read)) return
    const frame = read.right
    switch (frame._tag) {
      case "Ping":
        this.run(this.ping)
        return
      case "Ack":
        this.pulls.get(frame.requestId)?.acknowledge(frame.chunks ?? 1)
        return
      case "Interrupt":
        this.pulls.get(frame.requestId)?.end()
        return
      case "Request":
        if (frame.tag === RequestTag.PUSH) this.run(this.push(frame))
        else if (frame.tag === RequestTag.PULL) this.pull(frame)
        return
      case "Eof":
        return
    }
  }

  close(code = 1000): void {
    this.end(code, "")
  }

  private end(code: number, reason: string): void {
    if (this.readyState === CLOSED) return
    this.readyState = CLOSED
    for (const fiber of this.fibers) fiber.unsafeInterruptAsFork(FiberId.none)
    this.dispatchEvent(Object.assign(new Event("close"), { code, reason }))
  }

  private say(data: string): void {
    if (this.readyState === OPEN) {
      this.dispatchEvent(Object.assign(new Event("message"), { data }))
    }
  }

  private get ping() {
    const request: Frame.Request = {
      _tag: "Request",
      id: "0",
      tag: HttpMessage.PING,
      payload: { storeId: storeIdOf(this.url) },
      headers: []
    }
    // Whatever it says: somebody is there.
    return this.answerTo(request, { within: Infinity, mayFail: false }, () =>
      this.say(PingText.PONG_TEXT)
    )
  }

  private push(request: Frame.Request) {
    return this.answerTo(
      { ...request, tag: HttpMessage.PUSH },
      { within: Infinity, mayFail: true },
      (text) => {
        this.say(text)
        // It waits for its echo, or for what it is behind on.
        for (const pull of this.pulls.values()) pull.look()
      }
    )
  }

  /** The only frame that answers a request which is no pull. */
  private answerTo(
    request: Frame.Request,
    options: Pick<HttpAnswer.Post, "within" | "mayFail">,
    onAnswer: (text: string) => void
  ): Effect.Effect<void, SyncSocket.ConnectionEnd> {
    return Effect.flatMap(Stream.runLast(this.ask(request, options)), (text) =>
      text._tag === "None"
        ? Effect.fail(SyncSocket.lost("the answer makes no sense"))
        : Effect.sync(() => onAnswer(text.value))
    )
  }

  private pull(request: Frame.Request): void {
    const pull = HttpPull.make({
      request,
      ask: (request) => this.ask(request, { within: PULL_WITHIN, mayFail: false }),
      say: (text) => this.say(text),
      pollInterval: this.pollInterval
    })
    const forget = Effect.sync(() => {
      if (this.pulls.get(request.id) === entry) this.pulls.delete(request.id)
    })
    const entry = Object.assign(pull, { end: () => {} })
    this.pulls.set(request.id, entry)
    entry.end = this.run(Effect.ensuring(pull.run, forget))
  }
}

/**
 * Makes sockets that speak HTTP, in the place of WebSockets. Each is given the URL of a WebSocket connection.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options = {}): Effect.Effect<(url: string) => globalThis.WebSocket> =>
  Effect.map(Effect.runtime<never>(), (runtime) => (url) => {
    const socket: EventTarget = new HttpSocket(url, runtime, options)
    // A WebSocket as far as `SyncSocket` uses one, which is all that a constructor of them is for.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return socket as globalThis.WebSocket
  })

/**
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<Socket.WebSocketConstructor> =>
  Layer.effect(Socket.WebSocketConstructor, make(options))
