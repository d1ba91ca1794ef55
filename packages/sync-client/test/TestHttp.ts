/** A `fetch` whose other end is the test: each request is kept, and the test says how it is answered. */
import { Frame, HttpMessage, Message } from "@tidelog/sync-protocol"
import { Effect, Schema } from "effect"
import { HttpSocket } from "../src/Http.ts"
import { SyncClient } from "../src/index.ts"
import { positionOf, settle } from "./TestSocket.ts"

const decodeRequest = Schema.decodeSync(Schema.parseJson(Frame.Request))
const decodePull = Schema.decodeUnknownSync(HttpMessage.PullRequest)
const decodePush = Schema.decodeUnknownSync(Message.PushRequest)
const encodeAnswer = Schema.encodeSync(HttpMessage.AnswerFromText)

const JSON_TYPE = { "content-type": "application/json" }

/** One request, as the server has it. */
export class TestRequest {
  readonly url: URL
  readonly method: string | undefined
  readonly frame: Frame.Request
  readonly isAborted: () => boolean
  private readonly settled: (answer: Response | Error) => void
  isAnswered = false

  constructor(input: string, init: RequestInit, settled: (answer: Response | Error) => void) {
    this.url = new URL(input)
    this.method = init.method
    this.frame = decodeRequest(typeof init.body === "string" ? init.body : "")
    this.isAborted = () => init.signal?.aborted === true
    this.settled = settled
  }

  get pull(): HttpMessage.PullRequest {
    return decodePull(this.frame.payload)
  }

  get push(): Message.PushRequest {
    return decodePush(this.frame.payload)
  }

  /** The number of the event that a pull goes on from; 0 if from the start. */
  get from(): number {
    return positionOf(this.pull)
  }

  answer(answer: Response | Error): void {
    this.isAnswered = true
    this.settled(answer)
  }

  /** Refuses it, or is in trouble. */
  refuse(status: number, text: string, headers: Record<string, string> = {}): void {
    this.answer(
      new Response(text, { status, headers: { "content-type": "text/plain", ...headers } })
    )
  }

  frames(frames: ReadonlyArray<Frame.ServerFrame>, status = 200): void {
    this.answer(new Response(encodeAnswer(frames), { status, headers: JSON_TYPE }))
  }

  chunk(page: Message.PullResponse, server?: Frame.Greeting): Frame.Chunk {
    return { _tag: "Chunk", requestId: this.frame.id, values: [page], ...(server && { server }) }
  }

  succeeded(value?: unknown): Frame.Exit {
    const exit = value === undefined ? { _tag: "Success" } : { _tag: "Success", value }
    return { _tag: "Exit", requestId: this.frame.id, exit }
  }

  failed(error: unknown): Frame.Exit {
    const exit = { _tag: "Failure", cause: { _tag: "Fail", error } }
    return { _tag: "Exit", requestId: this.frame.id, exit }
  }

  pages(...pages: ReadonlyArray<Message.PullResponse>): void {
    this.frames([...pages.map((page) => this.chunk(page)), this.succeeded()])
  }

  /** An answer whose body the test writes part by part. */
  stream(): {
    readonly write: (text: string) => void
    readonly end: () => void
    readonly taken: () => number
  } {
    let controller: ReadableStreamDefaultController<Uint8Array> | undefined
    const encoder = new TextEncoder()
    let written = 0
    const body = new ReadableStream<Uint8Array>(
      {
        start: (own) => {
          controller = own
        }
      },
      { highWaterMark: 0 }
    )
    this.answer(new Response(body, { headers: JSON_TYPE }))
    return {
      write: (text) => {
        written += 1
        controller?.enqueue(encoder.encode(text))
      },
      end: () => controller?.close(),
      // What waits in the stream is negative room.
      taken: () => written + (controller?.desiredSize ?? 0)
    }
  }
}

/** Every request that the client under test has made. */
export interface TestHttp {
  readonly requests: ReadonlyArray<TestRequest>
  /** Those of a kind that wait for an answer. */
  readonly open: (tag: string) => ReadonlyArray<TestRequest>
  readonly all: (tag: string) => ReadonlyArray<TestRequest>
  readonly fetch: typeof globalThis.fetch
  /** How pings are answered: by a Pong, not at all, or as the test does. */
  pings: "answered" | "silent" | ((request: TestRequest) => void)
  /** How pulls are answered: as the test does, later if this is not set. */
  pulls: ((request: TestRequest) => void) | undefined
}

export const makeHttp = (): TestHttp => {
  const requests: Array<TestRequest> = []
  const http: TestHttp = {
    requests,
    all: (tag) => requests.filter(({ frame }) => frame.tag === tag),
    open: (tag) => http.all(tag).filter(({ isAborted, isAnswered }) => !isAnswered && !isAborted()),
    pings: "answered",
    pulls: undefined,
    fetch: (input, init = {}) =>
      new Promise((resolve, reject) => {
        const request = new TestRequest(
          input instanceof Request ? input.url : input.toString(),
          init,
          (answer) => {
            if (answer instanceof Error) reject(answer)
            else resolve(answer)
          }
        )
        requests.push(request)
        init.signal?.addEventListener("abort", () => reject(new Error("aborted")))
        if (request.frame.tag === HttpMessage.PULL) http.pulls?.(request)
        if (request.frame.tag !== HttpMessage.PING || http.pings === "silent") return
        if (http.pings === "answered")
          request.frames([request.succeeded({ _tag: "SyncMessage.Pong" })])
        else http.pings(request)
      })
  }
  return http
}

/** The only open request of a kind. */
export const only = (http: TestHttp, tag: string): TestRequest => {
  const [request, ...others] = http.open(tag)
  if (request === undefined || others.length > 0) {
    throw new Error(
      `${others.length + (request === undefined ? 0 : 1)} requests of ${tag} are open`
    )
  }
  return request
}

/** A client over HTTP, used and online. */
export const makeHttpClient = (
  options?: Partial<SyncClient.Options>,
  pollInterval?: HttpSocket.Options["pollInterval"]
) =>
  Effect.gen(function* () {
    const http = makeHttp()
    const client = yield* SyncClient.make({
      url: "wss://sync.test",
      storeId: "store",
      broadcastStatus: false,
      ...options
    }).pipe(Effect.provide(HttpSocket.layer({ fetch: http.fetch, pollInterval })))
    yield* client.reconnect
    yield* settle
    return { client, http }
  })
