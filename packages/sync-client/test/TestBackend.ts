/** A backend's object whose other end is the test: each call is kept, and the test says how it is answered. */
import { DoRpcMessage, Frame, Message } from "@tidelog/sync-protocol"
import * as DoRpcCodec from "@tidelog/sync-protocol/DoRpcCodec"
import { Effect, Either, Schema } from "effect"
import { DoRpcSocket, handleSyncUpdateRpc } from "../src/DoRpc.ts"
import { SyncClient } from "../src/index.ts"
import { positionOf, settle } from "./TestSocket.ts"

const decodeRequest = Schema.decodeSync(Schema.parseJson(Frame.Request))
const decodePull = Schema.decodeUnknownSync(DoRpcMessage.PullRequest)
const encode = Schema.encodeSync(Message.PullResponse)
const encodePage = Schema.encodeSync(DoRpcMessage.PullResponse)

/** One call, as the backend has it. */
export class TestCall {
  readonly frame: Frame.Request
  /** Whether it is answered in texts. */
  readonly inText: boolean
  /** What the caller is given. */
  readonly answer: Promise<unknown>
  isAnswered = false
  isLeft = false
  isCancelled = false
  private settled: (answer: unknown) => void = () => {}
  private rejected: (error: Error) => void = () => {}
  private controller: ReadableStreamDefaultController<Uint8Array> | undefined

  constructor(bytes: Uint8Array, readsTexts: boolean) {
    const call = Either.getOrThrow(DoRpcCodec.readCall(bytes))
    this.frame = decodeRequest(call.text)
    this.inText = call.inText && readsTexts
    const answer = new Promise<unknown>((resolve, reject) => {
      this.settled = resolve
      this.rejected = reject
    })
    // As the platform's: whoever does not wait for it any more says so.
    this.answer = Object.assign(answer, {
      [Symbol.dispose]: () => {
        this.isLeft = true
      }
    })
  }

  fail(error: Error): void {
    this.isAnswered = true
    this.rejected(error)
  }

  get pull(): DoRpcMessage.PullRequest {
    return decodePull(this.frame.payload)
  }

  /** The number of the event that a pull goes on from; 0 if from the start. */
  get from(): number {
    return positionOf(this.pull)
  }

  /** Answers with frames, all at once. */
  frames(...frames: ReadonlyArray<unknown>): void {
    this.isAnswered = true
    for (const frame of frames) this.settled(this.bytes(frame))
  }

  bytes(frame: unknown): Uint8Array {
    return DoRpcCodec.write(frame, this)
  }

  /** Writes bytes of a stream, which is the answer from the first ones on. */
  write(bytes: Uint8Array): void {
    if (this.controller === undefined) {
      this.isAnswered = true
      this.settled(
        new ReadableStream<Uint8Array>({
          start: (controller) => {
            this.controller = controller
          },
          cancel: () => {
            this.isCancelled = true
          }
        })
      )
    }
    this.controller?.enqueue(bytes)
  }

  end(): void {
    this.controller?.close()
  }

  chunk(rpcRequestId: string, ...pages: ReadonlyArray<Message.PullResponse>) {
    const values = pages.map((page) => encodePage({ ...page, rpcRequestId }))
    return { _tag: "Chunk", requestId: this.frame.id, values }
  }

  succeeded(value?: unknown) {
    const exit = value === undefined ? { _tag: "Success" } : { _tag: "Success", value }
    return { _tag: "Exit", requestId: this.frame.id, exit }
  }

  failed(name: string, message: string) {
    const error = { _tag: "UnknownError", cause: { name, message } }
    return {
      _tag: "Exit",
      requestId: this.frame.id,
      exit: { _tag: "Failure", cause: { _tag: "Fail", error } }
    }
  }

  /** Answers a pull: its pages, and its end. */
  pages(rpcRequestId: string, ...pages: ReadonlyArray<Message.PullResponse>): void {
    for (const page of pages) this.write(this.bytes(this.chunk(rpcRequestId, page)))
    this.write(this.bytes(this.succeeded()))
    this.end()
  }
}

/** Every call that the client under test has made. */
export interface TestBackend {
  readonly calls: ReadonlyArray<TestCall>
  readonly all: (tag: string) => ReadonlyArray<TestCall>
  /** The only one of a kind that waits for an answer. */
  readonly open: (tag: string) => TestCall
  /** How many stubs were asked for. */
  readonly stubs: () => number
  readonly stub: () => { readonly rpc: (call: Uint8Array) => Promise<unknown> }
  /** Whether a call fails at once. */
  isDown: boolean
  /** As what a ping is refused, if it is. */
  refusal: string | undefined
}

export const makeBackend = (readsTexts: boolean): TestBackend => {
  const calls: Array<TestCall> = []
  let stubs = 0
  const backend: TestBackend = {
    calls,
    isDown: false,
    refusal: undefined,
    stubs: () => stubs,
    all: (tag) => calls.filter(({ frame }) => frame.tag === tag),
    open: (tag) => {
      const [call, ...others] = backend.all(tag).filter((call) => !call.isAnswered && !call.isLeft)
      if (call === undefined || others.length > 0) {
        throw new Error(`${others.length + (call === undefined ? 0 : 1)} calls of ${tag} are open`)
      }
      return call
    },
    stub: () => {
      stubs += 1
      return {
        rpc: (bytes: Uint8Array) => {
          const call = new TestCall(bytes, readsTexts)
          calls.push(call)
          if (backend.isDown) call.fail(new Error("no such object: secret"))
          else if (call.frame.tag === DoRpcMessage.PING) {
            call.frames(
              backend.refusal === undefined
                ? call.succeeded({})
                : call.failed(backend.refusal, "who are you?")
            )
          }
          return call.answer
        }
      }
    }
  }
  return backend
}

/** An object, in one of its lives. */
export const makeObject = () => ({ id: { toString: () => "0123" } })

/** A client by calls, used and online. */
export const makeRpcClient = ({
  checkInterval,
  ctx = makeObject(),
  readsTexts = true,
  ...options
}: Partial<SyncClient.Options> & {
  readonly checkInterval?: DoRpcSocket.Options["checkInterval"]
  readonly ctx?: ReturnType<typeof makeObject>
  /** Whether the backend is one of this project's. */
  readonly readsTexts?: boolean
} = {}) =>
  Effect.gen(function* () {
    const backend = makeBackend(readsTexts)
    const client = yield* SyncClient.make({
      url: "wss://sync.test",
      storeId: "store",
      broadcastStatus: false,
      timings: { pingAfter: Infinity },
      ...options
    }).pipe(
      Effect.provide(
        DoRpcSocket.layer({
          syncBackendStub: backend.stub,
          durableObject: { ctx, bindingName: "STORE_DO" },
          checkInterval
        })
      )
    )
    yield* client.reconnect
    yield* settle
    /** Calls the object, as a backend does. Whether somebody waits for it. */
    const update = (requestId: string, page: Message.PullResponse) =>
      Effect.zipLeft(
        Effect.promise(() =>
          handleSyncUpdateRpc({ _tag: "Chunk", requestId, values: [encode(page)] }, ctx)
        ),
        settle
      )
    return { client, backend, ctx, update }
  })
