/**
 * A yardstick: the least that can be called a sync backend on a Durable Object and D1.
 *
 * It parses a frame, appends by one compare-and-append statement, keeps each event as the JSON text
 * that readers are sent, and joins such texts into frames. It checks nothing, hibernates badly and
 * trusts everybody: how fast it is is as fast as the platform lets anything be.
 */
import { DurableObject } from "cloudflare:workers"
import type { BenchEnv } from "../BenchEnv.ts"
import { benchWorker } from "../benchWorker.ts"
import { instrument } from "../instrument.ts"

const BACKEND_ID = "bare"
const PAGE_EVENTS = 1_000

const createTable = (database: D1Database, storeId: string) =>
  database.prepare(
    `CREATE TABLE IF NOT EXISTS "bare_${storeId}" (seqNum INTEGER PRIMARY KEY, json TEXT NOT NULL) STRICT`
  )

interface Frame {
  readonly _tag: string
  readonly id: string
  readonly requestId: string
  readonly tag: string
  readonly payload: {
    readonly live: boolean
    readonly cursor: { readonly value?: { readonly eventSequenceNumber: number } }
    readonly batch: ReadonlyArray<{ readonly seqNum: number; readonly parentSeqNum: number }>
  }
}

export class BareObject extends DurableObject<BenchEnv> {
  readonly #live = new Map<WebSocket, Set<string>>()
  #storeId = ""

  constructor(ctx: DurableObjectState, env: BenchEnv) {
    super(ctx, instrument(ctx, env))
  }

  override async fetch(request: Request) {
    if (this.#storeId === "") {
      const storeId = new URL(request.url).searchParams.get("storeId") ?? ""
      await createTable(this.env.DB, storeId).run()
      this.#storeId = storeId
    }
    const { 0: client, 1: socket } = new WebSocketPair()
    this.ctx.acceptWebSocket(socket)
    return new Response(null, { status: 101, webSocket: client })
  }

  override async webSocketMessage(socket: WebSocket, data: string | ArrayBuffer) {
    const frame: Frame = JSON.parse(data as string)
    if (frame._tag === "Ping") socket.send('{"_tag":"Pong"}')
    if (frame._tag !== "Request") return
    await (frame.tag === "SyncWsRpc.Push" ? this.#push(socket, frame) : this.#pull(socket, frame))
  }

  override webSocketClose(socket: WebSocket) {
    this.#live.delete(socket)
    socket.close()
  }

  async #push(socket: WebSocket, { id, payload: { batch } }: Frame) {
    const metadata = `{"_tag":"Some","value":{"_tag":"SyncMessage.SyncMetadata","createdAt":"${new Date().toISOString()}"}}`
    const texts = batch.map(
      (event) => `{"eventEncoded":${JSON.stringify(event)},"metadata":${metadata}}`
    )
    const { meta } = await this.env.DB.prepare(
      `INSERT INTO "bare_${this.#storeId}" (seqNum, json) SELECT value ->> 0, value ->> 1
        FROM json_each(?1) WHERE (SELECT coalesce(max(seqNum), 0) FROM "bare_${this.#storeId}") = ?2`
    )
      .bind(
        JSON.stringify(batch.map(({ seqNum }, index) => [seqNum, texts[index]])),
        batch[0]?.parentSeqNum ?? 0
      )
      .run()
    if (meta.changes !== batch.length) {
      socket.send(`{"_tag":"Exit","requestId":"${id}","exit":{"_tag":"Failure"}}`)
      return
    }
    const values = page(texts, "NoMore")
    for (const [reader, requestIds] of this.#live) {
      for (const requestId of requestIds) reader.send(chunk(requestId, values))
    }
    socket.send(`{"_tag":"Exit","requestId":"${id}","exit":{"_tag":"Success","value":{}}}`)
  }

  async #pull(socket: WebSocket, { id, payload: { cursor, live } }: Frame) {
    let after = cursor.value?.eventSequenceNumber ?? 0
    for (;;) {
      const rows = await this.env.DB.prepare(
        `SELECT seqNum, json FROM "bare_${this.#storeId}" WHERE seqNum > ?1 ORDER BY seqNum LIMIT ${PAGE_EVENTS + 1}`
      )
        .bind(after)
        .raw<[number, string]>()
      const more = rows.length > PAGE_EVENTS
      if (more) rows.pop()
      after = rows.at(-1)?.[0] ?? after
      const texts = rows.map(([, json]) => json)
      socket.send(chunk(id, page(texts, more ? "MoreUnknown" : "NoMore")))
      if (!more) break
    }
    if (live) this.#live.set(socket, (this.#live.get(socket) ?? new Set()).add(id))
    else socket.send(`{"_tag":"Exit","requestId":"${id}","exit":{"_tag":"Success"}}`)
  }
}

const page = (texts: ReadonlyArray<string>, info: "NoMore" | "MoreUnknown") =>
  `{"batch":[${texts.join(",")}],"pageInfo":{"_tag":"${info}"},"backendId":"${BACKEND_ID}"}`

const chunk = (requestId: string, values: string) =>
  `{"_tag":"Chunk","requestId":"${requestId}","values":[${values}]}`

export default benchWorker({
  worker: {
    fetch: (request, env) => {
      const storeId = new URL(request.url).searchParams.get("storeId") ?? ""
      return env.WEBSOCKET_SERVER.get(env.WEBSOCKET_SERVER.idFromName(storeId)).fetch(request)
    }
  },
  createStores: async (database, storeIds) => {
    await database.batch(storeIds.map((storeId) => createTable(database, storeId)))
  }
})
