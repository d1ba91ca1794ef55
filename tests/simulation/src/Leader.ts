/**
 * LiveStore's leader, as far as a sync backend sees it: it keeps what is confirmed, lays its own events on
 * top, and moves them when others' come first.
 */
import type * as Socket from "@effect/platform/Socket"
import { SyncClient } from "@tidelog/sync-client"
import { LogEvent, type Message } from "@tidelog/sync-protocol"
import * as Effect from "effect/Effect"
import * as FiberHandle from "effect/FiberHandle"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { STORE_ID } from "./StoreHost.ts"

/** Events of one push. */
const MAX_BATCH = 100

export interface LeaderOptions {
  readonly name: string
  readonly webSockets: Layer.Layer<Socket.WebSocketConstructor>
  readonly trace: (line: string) => void
  readonly violation: (what: string) => void
  /** Milliseconds that it takes for a page. */
  readonly workTime: () => number
  /** An event is acknowledged: from now on it has to be there. */
  readonly acknowledged: (id: string) => void
}

export class Leader {
  readonly name: string
  readonly #options: LeaderOptions
  /** In the order of the log. */
  readonly confirmed: Array<LogEvent.LogEvent> = []
  /** On top of that, not yet seen to come back. */
  pending: ReadonlyArray<LogEvent.LogEvent> = []
  #createdAt: string | undefined
  #backendId: Option.Option<string> = Option.none()
  #created = 0
  /** Begins to push anew. */
  #wantsPush: () => void = () => {}
  /** Begins to push, if nothing is pushed just now. */
  #hasMore: () => void = () => {}

  constructor(options: LeaderOptions) {
    this.name = options.name
    this.#options = options
  }

  get head(): LogEvent.SeqNum {
    return this.confirmed.at(-1)?.seqNum ?? LogEvent.ROOT
  }

  /** The app does something. */
  create(count: number): void {
    for (let index = 0; index < count; index++) {
      const parentSeqNum = this.pending.at(-1)?.seqNum ?? this.head
      const event: LogEvent.LogEvent = {
        name: "created",
        args: { id: `${this.name}-${this.#created++}` },
        seqNum: parentSeqNum + 1,
        parentSeqNum,
        clientId: this.name,
        sessionId: "s"
      }
      this.pending = [...this.pending, event]
    }
    this.#hasMore()
  }

  /** A client from its start to its end. What the leader has outlives it. */
  readonly run: Effect.Effect<void> = Effect.gen(this, function* () {
    const client = yield* SyncClient.make({
      url: "ws://store.test",
      storeId: STORE_ID,
      broadcastStatus: false
    }).pipe(Effect.provide(this.#options.webSockets), Effect.orDie)
    const runPush = yield* FiberHandle.makeRuntime<never, void>()
    const push = this.#push(client)
    this.#wantsPush = () => runPush(push)
    this.#hasMore = () => runPush(push, { onlyIfMissing: true })
    this.#wantsPush()
    yield* Effect.forever(this.#pull(client))
  }).pipe(
    Effect.ensuring(
      Effect.sync(() => {
        this.#wantsPush = () => {}
        this.#hasMore = () => {}
      })
    ),
    Effect.scoped
  )

  #pull(client: SyncClient.SyncClientService): Effect.Effect<void> {
    return Stream.suspend(() =>
      client.pull({
        cursor: this.head,
        createdAt: this.#createdAt,
        backendId: this.#backendId,
        live: true
      })
    ).pipe(
      Stream.runForEach((page) =>
        Effect.zipRight(
          Effect.suspend(() => Effect.sleep(this.#options.workTime())),
          Effect.sync(() => {
            this.#take(page)
            // Every page interrupts the push under way.
            if (page.batch.length > 0) this.#wantsPush()
          })
        )
      ),
      Effect.flatMap(() =>
        Effect.sync(() => this.#options.violation(`${this.name}: a live pull ended`))
      ),
      Effect.catchTag("ConnectionLost", () => Effect.void),
      Effect.catchAll((error) =>
        Effect.sync(() =>
          this.#options.violation(
            `${this.name}: a pull failed with ${error._tag}: ${error.message}`
          )
        )
      ),
      Effect.zipRight(Effect.sleep("1 second"))
    )
  }

  #push(client: SyncClient.SyncClientService): Effect.Effect<void> {
    const batchFrom = (from: LogEvent.SeqNum) =>
      this.pending.filter(({ parentSeqNum }) => parentSeqNum >= from).slice(0, MAX_BATCH)
    const loop = (from: LogEvent.SeqNum): Effect.Effect<void> =>
      Effect.suspend(() => {
        const batch = batchFrom(from)
        const last = batch.at(-1)
        if (last === undefined) return Effect.void
        return client.push(batch, { backendId: this.#backendId }).pipe(
          Effect.matchEffect({
            onSuccess: () =>
              Effect.suspend(() => {
                for (const event of batch) this.#options.acknowledged(idOf(event))
                return loop(last.seqNum)
              }),
            onFailure: (error) => {
              // What comes first will come, and begin again.
              if (error._tag === "ServerAheadError") return Effect.void
              this.#options.trace(`${this.name}: a push failed with ${error._tag}`)
              if (error._tag === "BackendIdMismatchError") {
                this.#options.violation(`${this.name}: the log is another one`)
              }
              return Effect.zipRight(Effect.sleep("1 second"), loop(from))
            }
          })
        )
      })
    return Effect.suspend(() => loop(this.head))
  }

  #take(page: Message.PullResponse): void {
    this.#backendId = Option.some(page.backendId)
    for (const { eventEncoded: event, metadata } of page.batch) {
      if (event.parentSeqNum !== this.head || event.seqNum !== this.head + 1) {
        this.#options.violation(`${this.name}: is given ${event.seqNum} after ${this.head}`)
        return
      }
      const [first, ...rest] = this.pending
      if (first !== undefined && LogEvent.isSame(first, event)) this.pending = rest
      else {
        if (event.clientId === this.name) {
          this.#options.violation(`${this.name}: ${idOf(event)} comes back, and is not awaited`)
        }
        this.pending = this.pending.map((own) => ({
          ...own,
          seqNum: own.seqNum + 1,
          parentSeqNum: own.parentSeqNum + 1
        }))
      }
      this.confirmed.push(event)
      this.#createdAt = Option.getOrUndefined(Option.map(metadata, ({ createdAt }) => createdAt))
    }
  }
}

export const idOf = ({ args }: LogEvent.LogEvent): string => String(Object(args).id)
