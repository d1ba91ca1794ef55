/**
 * WebSockets whose other end is the test: what the client does to one is recorded, and the test says
 * when it opens, what it hears and how it ends. Everything above the socket is the shipped code.
 */
import * as Socket from "@effect/platform/Socket"
import { Frame, type LogEvent, Message } from "@tidelog/sync-protocol"
import { Effect, Layer, Option, Random, Schema, Stream, TestClock, type Duration } from "effect"
import { SyncClient } from "../src/index.ts"

const encodeServerFrame = Schema.encodeSync(Frame.ServerFrameFromText)
const decodeClientFrame = Schema.decodeSync(Frame.ClientFrameFromText)
const decodePull = Schema.decodeUnknownSync(Message.PullRequest)
const decodePush = Schema.decodeUnknownSync(Message.PushRequest)

/** One connection, both ends. */
export class TestSocket extends EventTarget {
  readonly url: string
  readyState = 0
  /** What the client sent. */
  readonly texts: Array<string> = []
  /** The code that the client closed it with. */
  closedWith: number | undefined
  /** Bytes that are still on their way, in the runtime's count. */
  bufferedAmount = 0
  /** Whether pings are answered. */
  answersPings = true
  /** How many listeners the client has on it, by kind. */
  readonly listeners = new Map<string, number>()

  constructor(url: string) {
    super()
    this.url = url
  }

  // What the client calls.

  override addEventListener(type: string, listener: EventListenerOrEventListenerObject): void {
    this.listeners.set(type, (this.listeners.get(type) ?? 0) + 1)
    super.addEventListener(type, listener)
  }

  override removeEventListener(type: string, listener: EventListenerOrEventListenerObject): void {
    this.listeners.set(type, (this.listeners.get(type) ?? 0) - 1)
    super.removeEventListener(type, listener)
  }

  send(text: string): void {
    if (this.readyState !== 1) throw new Error("the socket is not open")
    this.texts.push(text)
    if (this.answersPings && text === Frame.PING_TEXT) {
      queueMicrotask(() => this.sayText(Frame.PONG_TEXT))
    }
  }

  close(code?: number): void {
    this.closedWith ??= code
    this.readyState = 2
  }

  // What the test does as the server.

  accept(): void {
    this.readyState = 1
    this.dispatchEvent(new Event("open"))
  }

  sayText(data: unknown): void {
    this.dispatchEvent(new MessageEvent("message", { data }))
  }

  say(frame: Frame.ServerFrame): void {
    this.sayText(encodeServerFrame(frame))
  }

  page(
    requestId: string,
    ...pages: readonly [Message.PullResponse, ...Array<Message.PullResponse>]
  ) {
    this.say({ _tag: "Chunk", requestId, values: pages })
  }

  accepted(requestId: string): void {
    this.say({ _tag: "Exit", requestId, exit: { _tag: "Success", value: {} } })
  }

  fail(requestId: string, error: unknown): void {
    const cause = { _tag: "Fail", error }
    this.say({ _tag: "Exit", requestId, exit: { _tag: "Failure", cause } })
  }

  hangUp(code = 1006, reason = ""): void {
    this.readyState = 3
    if (code === 1006) this.dispatchEvent(new Event("error"))
    this.dispatchEvent(new CloseEvent("close", { code, reason }))
  }

  // What the test sees as the server.

  /** Every frame but pings. */
  get frames(): ReadonlyArray<Frame.ClientFrame> {
    return this.texts.map((text) => decodeClientFrame(text)).filter(({ _tag }) => _tag !== "Ping")
  }

  get pings(): number {
    return this.texts.filter((text) => text === Frame.PING_TEXT).length
  }

  private requests(tag: string): ReadonlyArray<Frame.Request> {
    return this.frames.filter((frame) => frame._tag === "Request").filter((_) => _.tag === tag)
  }

  get pulls(): ReadonlyArray<Message.PullRequest & { readonly id: string }> {
    return this.requests(Message.PULL).map(({ id, payload }) => ({ id, ...decodePull(payload) }))
  }

  get pushes(): ReadonlyArray<Message.PushRequest & { readonly id: string }> {
    return this.requests(Message.PUSH).map(({ id, payload }) => ({ id, ...decodePush(payload) }))
  }

  get acks(): ReadonlyArray<string> {
    return this.frames.filter((frame) => frame._tag === "Ack").map(({ requestId }) => requestId)
  }

  get interrupts(): ReadonlyArray<string> {
    return this.frames.filter((frame) => frame._tag === "Interrupt").map((_) => _.requestId)
  }
}

/** Every connection that the client under test has made. */
export interface TestServer {
  readonly sockets: ReadonlyArray<TestSocket>
  readonly latest: TestSocket
  readonly layer: Layer.Layer<Socket.WebSocketConstructor>
  readonly construct: (url: string) => WebSocket
}

export const makeServer = (): TestServer => {
  const sockets: Array<TestSocket> = []
  // A WebSocket as far as the client uses one.
  const construct = (url: string) => {
    const socket = new TestSocket(url)
    sockets.push(socket)
    return socket as EventTarget as WebSocket
  }
  return {
    sockets,
    get latest() {
      const latest = sockets.at(-1)
      if (latest === undefined) throw new Error("the client has not connected")
      return latest
    },
    construct,
    layer: Layer.succeed(Socket.WebSocketConstructor, construct)
  }
}

/**
 * Lets everything run that can run now: fibers go on in microtasks, and all of these come before the
 * event loop's next turn.
 */
export const settle = Effect.promise(
  () => new Promise<void>((resolve) => setImmediate(resolve))
).pipe(Effect.repeatN(2))

/** Lets time pass, and everything run that it makes run. */
export const advance = (duration: Duration.DurationInput) =>
  settle.pipe(Effect.zipRight(TestClock.adjust(duration)), Effect.zipRight(settle))

/** A client on test sockets, used and connecting. */
export const makeClient = (options?: Partial<SyncClient.Options>) =>
  Effect.gen(function* () {
    const server = makeServer()
    const client = yield* SyncClient.make({
      url: "wss://sync.test",
      storeId: "store",
      broadcastStatus: false,
      ...options
    }).pipe(Effect.provide(server.layer))
    return { client, server }
  })

/** The same, and its first connection answers. */
export const makeOnline = (options?: Partial<SyncClient.Options>) =>
  Effect.gen(function* () {
    const made = yield* makeClient(options)
    yield* made.client.reconnect
    const socket = yield* answer(made.server)
    return { ...made, socket }
  })

/** The latest connection opens. */
export const answer = (server: TestServer) =>
  Effect.gen(function* () {
    yield* settle
    const socket = server.latest
    socket.accept()
    yield* settle
    return socket
  })

/** Events `from + 1` to `to` of a log that counts by one. */
export const events = (from: number, to: number): ReadonlyArray<LogEvent.LogEvent> =>
  Array.from({ length: to - from }, (_, index) => ({
    name: "todoCreated",
    args: { id: from + index + 1 },
    seqNum: from + index + 1,
    parentSeqNum: from + index,
    clientId: "client",
    sessionId: "session"
  }))

export const pageOf = (
  batch: ReadonlyArray<LogEvent.LogEvent>,
  remaining = 0,
  backendId = "backend-1"
): Message.PullResponse => ({
  batch: batch.map((eventEncoded) => ({ eventEncoded, metadata: Option.none() })),
  pageInfo: remaining === 0 ? Message.noMore : { _tag: "MoreKnown", remaining },
  backendId
})

/** A page with events `from + 1` to `to`. */
export const page = (from: number, to: number, remaining = 0): Message.PullResponse =>
  pageOf(events(from, to), remaining)

export const seqNums = (page: Pick<Message.PullResponse, "batch">): ReadonlyArray<number> =>
  page.batch.map(({ eventEncoded }) => eventEncoded.seqNum)

/** The number of the event that a pull goes on from; 0 if from the start. */
export const positionOf = ({ cursor }: Pick<Message.PullRequest, "cursor">): number =>
  Option.match(cursor, {
    onNone: () => 0,
    onSome: ({ eventSequenceNumber }) => eventSequenceNumber
  })

/** Every wait is half of what it may be. */
export const halfway = Effect.withRandom(Random.fixed([0.5]))

/** Pulls from the start, and what has come of it: the numbers of the events, and the events. */
export const follow = (client: SyncClient.SyncClientService, live = true) =>
  Effect.gen(function* () {
    const pulled: Array<number> = []
    const events: Array<LogEvent.LogEvent> = []
    const pulling = yield* client.pull({ cursor: 0, backendId: Option.none(), live }).pipe(
      Stream.runForEach((page) =>
        Effect.sync(() => {
          pulled.push(...seqNums(page))
          events.push(...page.batch.map(({ eventEncoded }) => eventEncoded))
        })
      ),
      Effect.forkScoped
    )
    yield* settle
    return { pulled, events, pulling }
  })
