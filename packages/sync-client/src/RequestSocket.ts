/**
 * A socket over requests that each have an answer: it has a WebSocket's surface, takes the client's frames and
 * answers with a server's. So all that is above a socket is one code path.
 *
 * There is nothing to open: it is open from the start, and whether anybody is there tells the first answer. It
 * ends as a WebSocket would have, with the same codes.
 *
 * @since 0.1.0
 */
import type * as Frame from "@tidelog/sync-protocol/Frame"
import * as FrameReader from "@tidelog/sync-protocol/FrameReader"
import * as Message from "@tidelog/sync-protocol/Message"
import * as PingText from "@tidelog/sync-protocol/PingText"
import * as RequestTag from "@tidelog/sync-protocol/RequestTag"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as RequestPull from "./RequestPull.ts"
import * as SyncSocket from "./SyncSocket.ts"
import type * as SyncStatus from "./SyncStatus.ts"

/**
 * How requests are made, and their answers read: the texts of frames, the last of which is an `Exit`.
 *
 * - `name`: as the status names it.
 * - `interval`: from one look of a live pull for new events to the next.
 * - `isTold`: whether live pulls are told what a push has changed. Otherwise they look at once.
 * - `pull`: how one pull asks, for as long as it is open.
 *
 * @since 0.1.0
 * @category models
 */
export interface Transport {
  readonly name: Exclude<SyncStatus.Transport, "ws">
  readonly interval: Duration.DurationInput
  readonly isTold: boolean
  readonly ping: Stream.Stream<string, SyncSocket.ConnectionEnd>
  readonly push: (request: Frame.Request) => Stream.Stream<string, SyncSocket.ConnectionEnd>
  readonly pull: (request: Frame.Request) => Effect.Effect<RequestPull.Ask, never, Scope.Scope>
}

/** As a WebSocket's `readyState` says it. */
const OPEN = 1
const CLOSED = 3

const decodePull = Schema.decodeUnknownEither(Message.PullRequest)

/** All that is under way of a socket ends with it. */
class RequestSocket extends EventTarget {
  /** Tells it from a WebSocket. */
  readonly transport: Transport["name"]
  readyState = OPEN
  private readonly via: Transport
  private readonly run: (effect: Effect.Effect<void, SyncSocket.ConnectionEnd>) => () => void
  private readonly pulls = new Map<Frame.RequestId, RequestPull.RequestPull & { end: () => void }>()
  private readonly fibers = new Set<Fiber.RuntimeFiber<void>>()

  constructor(via: Transport, runtime: Runtime.Runtime<never>) {
    super()
    this.transport = via.name
    this.via = via
    const runFork = Runtime.runFork(runtime)
    this.run = (effect) => {
      const fiber = runFork(
        effect.pipe(
          Effect.catchAllDefect(() =>
            Effect.fail(SyncSocket.lost("the connection cannot be read"))
          ),
          Effect.catchAll(({ code, reason }) => Effect.sync(() => this.end(code, reason)))
        )
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
        // Whatever is answered: somebody is there.
        this.run(this.answerTo(this.via.ping, () => this.say(PingText.PONG_TEXT)))
        return
      case "Ack":
        this.pulls.get(frame.requestId)?.acknowledge(frame.chunks ?? 1)
        return
      case "Interrupt":
        this.pulls.get(frame.requestId)?.end()
        return
      case "Request":
        if (frame.tag === RequestTag.PUSH) this.push(frame)
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

  private push(request: Frame.Request): void {
    const answered = this.answerTo(this.via.push(request), (text) => {
      this.say(text)
      // It waits for its echo, or for what it is behind on.
      if (!this.via.isTold) for (const pull of this.pulls.values()) pull.look()
    })
    this.run(answered)
  }

  /** The only frame that answers a request which is no pull. */
  private answerTo(
    answer: Stream.Stream<string, SyncSocket.ConnectionEnd>,
    onAnswer: (text: string) => void
  ): Effect.Effect<void, SyncSocket.ConnectionEnd> {
    return Effect.flatMap(Stream.runLast(answer), (text) =>
      text._tag === "None"
        ? Effect.fail(SyncSocket.lost("the answer makes no sense"))
        : Effect.sync(() => onAnswer(text.value))
    )
  }

  private pull(request: Frame.Request): void {
    const read = decodePull(request.payload)
    if (Either.isLeft(read)) return
    const pull = RequestPull.make({
      pull: read.right,
      ask: this.via.pull(request),
      say: (text) => this.say(text),
      interval: this.via.interval
    })
    const forget = Effect.sync(() => this.pulls.delete(request.id))
    const end = this.run(Effect.ensuring(pull.run, forget))
    this.pulls.set(request.id, { ...pull, end })
  }
}

/**
 * Makes such sockets in the place of WebSockets. Each is given the URL of a WebSocket connection.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  transportOf: (url: string) => Transport
): Effect.Effect<(url: string) => globalThis.WebSocket> =>
  Effect.map(Effect.runtime<never>(), (runtime) => (url) => {
    const socket: EventTarget = new RequestSocket(transportOf(url), runtime)
    // A WebSocket as far as `SyncSocket` uses one, which is all that a constructor of them is for.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return socket as globalThis.WebSocket
  })
