/**
 * A connection whose other end is the test: what the server sends is kept, and nothing is
 * acknowledged but by the test.
 */
import { Frame } from "@tidelog/sync-protocol"
import type { Message } from "@tidelog/sync-protocol"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Connection, ConnectionState, Session } from "../../src/Connection.ts"
import { SyncServer } from "../../src/SyncServer.ts"
import { STORE_ID } from "./frames.ts"

const decodeFrame = Schema.decodeSync(Frame.ServerFrameFromText)

let connections = 0

export class TestConnection implements Connection {
  readonly session: Session
  /** Every frame that the server sent, as text and decoded. */
  readonly texts: Array<string> = []
  readonly frames: Array<Frame.ServerFrame> = []
  /** What would outlive the object's memory. */
  state: ConnectionState = { subscriptions: [] }
  closed: { readonly code: number; readonly reason: string } | undefined
  /** What the server did with the connection after its end. */
  readonly afterEnd: Array<string> = []
  /** Called at each frame. */
  onSend: (frame: Frame.ServerFrame) => void = () => {}
  #gone = false

  constructor(session: Partial<Session> = {}) {
    this.session = {
      connectionId: `c${++connections}`,
      storeId: STORE_ID,
      headers: {},
      ...session
    }
  }

  // What the server calls.

  send(text: string): void {
    if (this.#gone) {
      this.afterEnd.push(text)
      return
    }
    const frame = decodeFrame(text)
    this.texts.push(text)
    this.frames.push(frame)
    this.onSend(frame)
  }

  close(code: number, reason: string): void {
    if (this.#gone) this.afterEnd.push(`close ${code}`)
    this.#gone = true
    this.closed = { code, reason }
  }

  save(state: ConnectionState): void {
    if (this.#gone) this.afterEnd.push("save")
    // As text, so that nothing of it is shared with the server.
    this.state = structuredClone(state)
  }

  /** The pulls that would outlive the object's memory. */
  get saved(): ConnectionState["subscriptions"] {
    return this.state.subscriptions
  }

  // What the test does as the client.

  /** Sends a frame. Ends when the server has done everything it brings about. */
  say(frame: string | Uint8Array): Effect.Effect<void, never, SyncServer> {
    return Effect.flatMap(SyncServer, (server) => server.receive(this, frame))
  }

  /** Goes away without a word. */
  leave(): Effect.Effect<void, never, SyncServer> {
    return Effect.flatMap(SyncServer, (server) => {
      this.#gone = true
      return server.disconnect(this)
    })
  }

  /** The pages that a pull was sent. */
  pages(requestId: string): ReadonlyArray<Message.PullResponse> {
    return this.frames.flatMap((frame) =>
      frame._tag === "Chunk" && frame.requestId === requestId ? frame.values : []
    )
  }

  /** The positions of all events that a pull was sent, in the order in which they came. */
  seqNums(requestId: string): ReadonlyArray<number> {
    return this.pages(requestId).flatMap(({ batch }) =>
      batch.map(({ eventEncoded }) => eventEncoded.seqNum)
    )
  }

  /** The kinds of pages that a pull was sent. */
  pageInfos(requestId: string): ReadonlyArray<Message.PageInfo> {
    return this.pages(requestId).map(({ pageInfo }) => pageInfo)
  }

  /** What a request ended with, as it is written on the wire; at most one if all is well. */
  exits(requestId: string): ReadonlyArray<unknown> {
    return this.frames.flatMap((frame) =>
      frame._tag === "Exit" && frame.requestId === requestId ? [frame.exit] : []
    )
  }

  /** The kinds of frames that a request was sent, in order. */
  order(): ReadonlyArray<string> {
    return this.frames.map((frame) =>
      "requestId" in frame ? `${frame._tag} ${frame.requestId}` : frame._tag
    )
  }
}

/** A connection that the server has taken on. */
export const connect = (
  subscriptions?: ConnectionState["subscriptions"],
  session?: Partial<Session>,
  state: Partial<ConnectionState> = {}
): Effect.Effect<TestConnection, never, SyncServer> =>
  Effect.gen(function* () {
    const server = yield* SyncServer
    const connection = new TestConnection(session)
    yield* server.connect(connection, subscriptions && { ...state, subscriptions })
    return connection
  })
