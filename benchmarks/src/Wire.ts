/**
 * The one client that drives all servers: a raw socket that does as little as it can while a clock
 * runs.
 *
 * It reads of a frame only its kind and its request, acknowledges each chunk as LiveStore's client
 * does, and keeps the bytes; `checkChunks` parses them afterwards.
 */
import { WebSocket } from "ws"
import { WrongResult } from "./WrongResult.ts"

/** What went over one socket. Bytes are those of the frames' payloads. */
export interface Traffic {
  framesSent: number
  framesReceived: number
  bytesSent: number
  bytesReceived: number
}

const NO_MORE = '"pageInfo":{"_tag":"NoMore"}'
/** As `latin1`, from the tenth byte: the kinds of frames. */
const CHUNK = "Ch"
const EXIT = "Ex"
const PONG = "Po"
const SUCCESS = '"exit":{"_tag":"Success"'

/** Where the request's id begins in a chunk and in an exit, as all servers write them. */
const CHUNK_PREFIX = '{"_tag":"Chunk","requestId":"'
const EXIT_PREFIX = '{"_tag":"Exit","requestId":"'

/** A position in a log, as a pull names it. */
export interface Cursor {
  readonly backendId: string
  readonly eventSequenceNumber: number
}

/** A pull, and all that it was sent. */
export class Pull {
  chunks: Array<Buffer> = []
  readonly ended: Promise<void>
  readonly end: () => void
  readonly fail: (error: WrongResult) => void
  #failure: WrongResult | undefined
  #awaited: { readonly text: string; readonly found: () => void } | undefined

  constructor() {
    let end = () => {}
    let reject: (error: WrongResult) => void = () => {}
    this.ended = new Promise((resolve, rejectWith) => {
      end = resolve
      reject = rejectWith
    })
    this.ended.catch(() => {})
    this.end = end
    this.fail = (error) => {
      this.#failure = error
      reject(error)
    }
  }

  take(chunk: Buffer): void {
    this.chunks.push(chunk)
    if (this.#awaited !== undefined && chunk.includes(this.#awaited.text)) {
      const { found } = this.#awaited
      this.#awaited = undefined
      found()
    }
  }

  /** Takes away what it was sent, so that it does not pile up here. */
  drain(): ReadonlyArray<Buffer> {
    const { chunks } = this
    this.chunks = []
    return chunks
  }

  /** The id of the log, as the last chunk names it. */
  backendId(): string {
    return /"backendId":"([^"]+)"/.exec(this.chunks.at(-1)?.toString() ?? "")?.[1] ?? ""
  }

  /** Waits for a chunk, from now on, that holds a text. */
  #holds(text: string): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    const found = new Promise<void>((resolve) => {
      this.#awaited = { text, found: resolve }
    })
    return Promise.race([found, this.ended])
  }

  /** Waits for an event that was not pushed yet. */
  event(seqNum: number): Promise<void> {
    return this.#holds(`"seqNum":${seqNum},`)
  }

  /** Waits for the page that reaches the head. Ask before it can have come. */
  caughtUp(): Promise<void> {
    return this.#holds(NO_MORE)
  }
}

export class Wire {
  readonly traffic: Traffic = { framesSent: 0, framesReceived: 0, bytesSent: 0, bytesReceived: 0 }
  readonly storeId: string
  readonly #socket: WebSocket
  readonly #pulls = new Map<string, Pull>()
  readonly #pushes = new Map<string, { ok: () => void; failed: (error: WrongResult) => void }>()
  readonly #pings: Array<() => void> = []
  #nextId = 0
  #closing = false

  private constructor(socket: WebSocket, storeId: string) {
    this.#socket = socket
    this.storeId = storeId
    socket.on("message", (data: Buffer) => this.#receive(data))
    socket.on("close", (code: number, reason: Buffer) => {
      if (!this.#closing) this.#breakAll(`the socket was closed with ${code} ${reason.toString()}`)
    })
    socket.on("error", (error: Error) => this.#breakAll(`the socket failed: ${error.message}`))
  }

  static open(port: number, storeId: string): Promise<Wire> {
    const socket = new WebSocket(
      `ws://127.0.0.1:${port}/websocket?storeId=${storeId}&transport=ws`,
      { perMessageDeflate: false }
    )
    const wire = new Wire(socket, storeId)
    return new Promise((resolve, reject) => {
      socket.on("open", () => resolve(wire))
      socket.on("error", reject)
    })
  }

  /** Pushes a batch, and returns when it is acknowledged. */
  push(batch: ReadonlyArray<unknown>): Promise<void> {
    const id = this.#takeId()
    const done = new Promise<void>((ok, failed) => {
      this.#pushes.set(id, { ok, failed })
    })
    this.#request(id, "SyncWsRpc.Push", { batch, backendId: { _tag: "None" } })
    return done
  }

  /** Sends a ping, and returns when it is answered. */
  ping(): Promise<void> {
    const answered = new Promise<void>((resolve) => {
      this.#pings.push(resolve)
    })
    this.#send('{"_tag":"Ping"}')
    return answered
  }

  /** Pulls from the start, or from where another pull of this store stands. */
  pull(options: { readonly live: boolean; readonly after?: Cursor }): Pull {
    const id = this.#takeId()
    const pull = new Pull()
    this.#pulls.set(id, pull)
    const cursor =
      options.after === undefined ? { _tag: "None" } : { _tag: "Some", value: options.after }
    this.#request(id, "SyncWsRpc.Pull", { live: options.live, cursor })
    return pull
  }

  /** Opens a live pull, and returns when it has caught up. */
  async subscribe(after?: Cursor): Promise<Pull> {
    const pull = this.pull({ live: true, ...(after === undefined ? {} : { after }) })
    await pull.caughtUp()
    return pull
  }

  close(): Promise<void> {
    this.#closing = true
    return new Promise((resolve) => {
      // A server that does not answer a close is not waited for.
      const giveUp = setTimeout(() => this.#socket.terminate(), 500)
      this.#socket.on("close", () => {
        clearTimeout(giveUp)
        resolve()
      })
      this.#socket.close(1000)
    })
  }

  #takeId(): string {
    const id = `${this.#nextId}`
    this.#nextId += 1
    return id
  }

  #request(id: string, tag: string, payload: object): void {
    this.#send(
      JSON.stringify({
        _tag: "Request",
        id,
        tag,
        payload: { storeId: this.storeId, ...payload },
        headers: []
      })
    )
  }

  #send(text: string): void {
    this.traffic.framesSent += 1
    this.traffic.bytesSent += Buffer.byteLength(text)
    this.#socket.send(text)
  }

  #receive(data: Buffer): void {
    this.traffic.framesReceived += 1
    this.traffic.bytesReceived += data.length
    const kind = data.toString("latin1", 9, 11)
    if (kind === CHUNK) {
      const id = idAfter(data, CHUNK_PREFIX)
      this.#pulls.get(id)?.take(data)
      this.#send(`{"_tag":"Ack","requestId":"${id}"}`)
    } else if (kind === EXIT) this.#exit(idAfter(data, EXIT_PREFIX), data)
    else if (kind === PONG) this.#pings.shift()?.()
    else this.#breakAll(`a frame that is no answer: ${data.toString("utf8", 0, 300)}`)
  }

  #exit(id: string, data: Buffer): void {
    const error = data.includes(SUCCESS)
      ? undefined
      : new WrongResult({ message: `a request failed: ${data.toString("utf8", 0, 300)}` })
    const push = this.#pushes.get(id)
    this.#pushes.delete(id)
    const pull = this.#pulls.get(id)
    this.#pulls.delete(id)
    if (error === undefined) {
      push?.ok()
      pull?.end()
    } else {
      push?.failed(error)
      pull?.fail(error)
    }
  }

  #breakAll(message: string): void {
    const error = new WrongResult({ message })
    for (const push of this.#pushes.values()) push.failed(error)
    for (const pull of this.#pulls.values()) pull.fail(error)
    this.#pushes.clear()
    this.#pulls.clear()
  }
}

const idAfter = (data: Buffer, prefix: string): string =>
  data.toString("latin1", prefix.length, data.indexOf('"', prefix.length))
