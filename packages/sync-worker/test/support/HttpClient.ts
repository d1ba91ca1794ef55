import type { Json } from "./WireClient.ts"

export interface HttpAnswer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The frames, if it is an array of them. */
  readonly frames: ReadonlyArray<Json>
}

/**
 * A client of the HTTP transport written by hand: it sends what it is told, and has no rules of its own that
 * could make up for the server's.
 */
export class HttpClient {
  readonly url: URL
  readonly #storeId: string

  constructor(base: string, storeId: string, payload?: unknown, path = "/sync") {
    this.#storeId = storeId
    this.url = new URL(path, base)
    this.url.searchParams.set("storeId", storeId)
    this.url.searchParams.set("transport", "http")
    if (payload !== undefined) {
      this.url.searchParams.set("payload", encodeURIComponent(JSON.stringify(payload)))
    }
  }

  async send(
    body: unknown,
    init: { readonly headers?: Record<string, string>; readonly body?: ReadableStream } = {}
  ): Promise<HttpAnswer> {
    const response = await fetch(this.url, {
      method: "POST",
      body: init.body ?? (typeof body === "string" ? body : JSON.stringify(body)),
      // Node asks for that where a body is streamed.
      duplex: "half",
      headers: {
        "content-type": "application/json",
        "x-livestore-store-id": encodeURIComponent(this.#storeId),
        ...init.headers
      }
    })
    const text = await response.text()
    const isJson = response.headers.get("content-type") === "application/json"
    return {
      status: response.status,
      headers: response.headers,
      text,
      frames: isJson ? JSON.parse(text) : []
    }
  }

  pullFrame(
    cursor?: { readonly after: number; readonly backendId: string; readonly createdAt?: string },
    id = "1"
  ) {
    return {
      _tag: "Request",
      id,
      tag: "SyncHttpRpc.Pull",
      payload: {
        storeId: this.#storeId,
        cursor:
          cursor === undefined
            ? { _tag: "None" }
            : {
                _tag: "Some",
                value: {
                  backendId: cursor.backendId,
                  eventSequenceNumber: cursor.after,
                  createdAt: cursor.createdAt
                }
              }
      },
      headers: []
    }
  }

  pushFrame(batch: ReadonlyArray<unknown>, backendId?: string, id = "2") {
    return {
      _tag: "Request",
      id,
      tag: "SyncHttpRpc.Push",
      payload: {
        storeId: this.#storeId,
        batch,
        backendId: backendId === undefined ? { _tag: "None" } : { _tag: "Some", value: backendId }
      },
      headers: []
    }
  }
}

/** How a request ended. */
export const exitOf = ({ frames }: HttpAnswer): unknown => frames.at(-1)?.["exit"]

/** The pages of a pull. */
export const pagesOf = ({ frames }: HttpAnswer): ReadonlyArray<Json> =>
  frames.flatMap(({ values }) => (Array.isArray(values) ? values : []))

/** The positions of all events that a pull delivered. */
export const seqNumsOf = (answer: HttpAnswer): ReadonlyArray<number> =>
  Array.from(JSON.stringify(pagesOf(answer)).matchAll(/"seqNum":(\d+)/g), (match) =>
    Number(match[1])
  )
