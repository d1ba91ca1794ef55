import { Handshake } from "@tidelog/sync-protocol"

export type Json = { readonly [key: string]: unknown }

/**
 * A WebSocket client written by hand: it sends what it is told and keeps what it gets. It has no
 * rules of its own that could make up for the server's.
 */
export class WireClient {
  readonly received: Array<Json> = []
  readonly texts: Array<string> = []
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>
  readonly #socket: WebSocket
  readonly #storeId: string
  readonly #waiting = new Set<() => void>()

  private constructor(socket: WebSocket, storeId: string) {
    this.#socket = socket
    this.#storeId = storeId
    socket.addEventListener("message", ({ data }) => {
      const text = String(data)
      this.texts.push(text)
      this.received.push(JSON.parse(text))
      for (const wake of this.#waiting) wake()
    })
    this.closed = new Promise((resolve) => {
      socket.addEventListener("close", ({ code, reason }) => resolve({ code, reason }))
    })
  }

  static async open(url: string, headers: Record<string, string> = {}): Promise<WireClient> {
    // Node's own WebSocket takes headers as well, which a browser's does not.
    const socket = new WebSocket(url, { headers })
    const client = new WireClient(socket, new URL(url).searchParams.get("storeId") ?? "")
    await new Promise((resolve, reject) => {
      socket.addEventListener("open", resolve)
      socket.addEventListener("error", (event) => {
        reject(new Error(`no connection to ${url}`, { cause: event }))
      })
    })
    return client
  }

  /** Connects to a store as an app would. */
  static connect(base: string, storeId: string, payload: unknown = { authToken: "ok" }) {
    return WireClient.open(
      Handshake.connectionUrl(base, { storeId, payload, transport: "ws", protocol: 1 })
    )
  }

  send(frame: unknown): void {
    this.#socket.send(
      typeof frame === "string" || frame instanceof Uint8Array ? frame : JSON.stringify(frame)
    )
  }

  close(code?: number, reason?: string): void {
    this.#socket.close(code, reason)
  }

  /** Waits until a condition on what was received holds. Fails if the socket closes before. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      let wake = () => {}
      const next = new Promise<void>((resolve) => {
        wake = resolve
      })
      this.#waiting.add(wake)
      const closed = await Promise.race([next, this.closed])
      if (closed !== undefined && !condition()) {
        throw new Error(`the socket was closed with ${closed.code} ${closed.reason}`)
      }
      this.#waiting.delete(wake)
    }
  }

  /** Waits for `n` frames in all. */
  count(n: number): Promise<void> {
    return this.until(() => this.received.length >= n)
  }

  of(tag: string, requestId: string): ReadonlyArray<Json> {
    return this.received.filter(
      (frame) => frame["_tag"] === tag && frame["requestId"] === requestId
    )
  }

  /** The `n`-th chunk of a request, from 1. */
  async chunk(requestId: string, n = 1): Promise<Json> {
    await this.until(() => this.of("Chunk", requestId).length >= n)
    return this.of("Chunk", requestId)[n - 1] ?? {}
  }

  /** What a request ended with. */
  async exit(requestId: string): Promise<unknown> {
    await this.until(() => this.of("Exit", requestId).length > 0)
    return this.of("Exit", requestId)[0]?.["exit"]
  }

  /** The backendId of the first page received. */
  backendId(): string | undefined {
    return /"backendId":"([^"]+)"/.exec(this.texts.join())?.[1]
  }

  /** The positions of all events that a request was sent, in the order in which they came. */
  seqNums(requestId: string): ReadonlyArray<number> {
    return this.of("Chunk", requestId).flatMap((chunk) =>
      Array.from(JSON.stringify(chunk).matchAll(/"seqNum":(\d+)/g), (match) => Number(match[1]))
    )
  }

  pullFrame(id: string, options: { live?: boolean; after?: number; backendId?: string } = {}) {
    const { after, backendId = this.backendId(), live = true } = options
    const cursor =
      after === undefined
        ? { _tag: "None" }
        : { _tag: "Some", value: { backendId, eventSequenceNumber: after } }
    return {
      _tag: "Request",
      id,
      tag: "SyncWsRpc.Pull",
      payload: { storeId: this.#storeId, live, cursor },
      headers: []
    }
  }

  pushFrame(id: string, batch: ReadonlyArray<unknown>, backendId?: string) {
    return {
      _tag: "Request",
      id,
      tag: "SyncWsRpc.Push",
      payload: {
        storeId: this.#storeId,
        batch,
        backendId: backendId === undefined ? { _tag: "None" } : { _tag: "Some", value: backendId }
      },
      headers: []
    }
  }
}

/** Events `from` to `to`, chained. */
export const events = (from: number, to = from, clientId = "client-a") =>
  Array.from({ length: to - from + 1 }, (_, index) => ({
    name: "todoCreated-v1",
    args: { id: `t${from + index}`, text: `todo ${from + index}` },
    seqNum: from + index,
    parentSeqNum: from + index - 1,
    clientId,
    sessionId: "session-a"
  }))
