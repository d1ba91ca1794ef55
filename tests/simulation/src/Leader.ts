/**
 * LiveStore's leader, as far as a sync backend sees it: it keeps what is confirmed, lays its own events on
 * top, and moves them when others' come first.
 */
import type * as Socket from "@effect/platform/Socket"
import { SyncClient } from "@tidelog/sync-client"
import { LogEvent, type Message, type SyncError } from "@tidelog/sync-protocol"
import * as Deferred from "effect/Deferred"
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
  /** It begins anew. */
  readonly discarded: () => void
  /** An event is acknowledged: from now on it has to be there. */
  readonly acknowledged: (id: string) => void
}

export class Leader {
  readonly name: string
  readonly #options: LeaderOptions
  /** In the order of the log. */
  confirmed: ReadonlyArray<LogEvent.LogEvent> = []
  /** On top of that, not yet seen to come back. */
  pending: ReadonlyArray<LogEvent.LogEvent> = []
  #createdAt: string | undefined
  #backendId: Option.Option<string> = Option.none()
  #created = 0
  /** Own events of before it began anew: they come back as any others. */
  readonly #forgotten = new Set<string>()
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

  /** Until the log turns out to be another one. */
  readonly #runClient: Effect.Effect<void> = Effect.gen(this, function* () {
    const client = yield* SyncClient.make({
      url: "ws://store.test",
      storeId: STORE_ID,
      broadcastStatus: false
    }).pipe(Effect.provide(this.#options.webSockets), Effect.orDie)
    const runPush = yield* FiberHandle.makeRuntime<never, void>()
    const over = yield* Deferred.make<void>()
    const push = this.#push(client, Effect.asVoid(Deferred.succeed(over, undefined)))
    this.#wantsPush = () => runPush(push)
    this.#hasMore = () => runPush(push, { onlyIfMissing: true })
    this.#wantsPush()
    yield* Effect.raceFirst(Effect.forever(this.#pull(client)), Deferred.await(over)).pipe(
      Effect.catchTag("BackendIdMismatchError", () => Effect.void)
    )
    // As LiveStore does of itself: it begins anew, and what was not stored is lost.
    this.#options.trace(`${this.name}: the log is another one`)
    this.#options.discarded()
    for (const event of [...this.confirmed, ...this.pending]) this.#forgotten.add(idOf(event))
    this.confirmed = []
    this.pending = []
    this.#createdAt = undefined
    this.#backendId = Option.none()
  }).pipe(
    Effect.ensuring(
      Effect.sync(() => {
        this.#wantsPush = () => {}
        this.#hasMore = () => {}
      })
    ),
    Effect.scoped
  )

  /** A client, from its start to its end, one after another. What the leader has outlives it. */
  readonly run: Effect.Effect<void> = Effect.forever(
    Effect.zipRight(this.#runClient, Effect.sleep("1 second"))
  )

  #pull(
    client: SyncClient.SyncClientService
  ): Effect.Effect<void, SyncError.BackendIdMismatchError> {
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
        error._tag === "BackendIdMismatchError"
          ? error
          : Effect.sync(() =>
              this.#options.violation(
                `${this.name}: a pull failed with ${error._tag}: ${error.message}`
              )
            )
      ),
      Effect.zipRight(Effect.sleep("1 second"))
    )
  }

  /** `over`: told that the log is another one. */
  #push(client: SyncClient.SyncClientService, over: Effect.Effect<void>): Effect.Effect<void> {
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
              if (error._tag === "BackendIdMismatchError") return over
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
        if (event.clientId === this.name && !this.#forgotten.has(idOf(event))) {
          this.#options.violation(`${this.name}: ${idOf(event)} comes back, and is not awaited`)
        }
        this.pending = this.pending.map((own) => ({
          ...own,
          seqNum: own.seqNum + 1,
          parentSeqNum: own.parentSeqNum + 1
        }))
      }
      this.confirmed = [...this.confirmed, event]
      this.#createdAt = Option.getOrUndefined(Option.map(metadata, ({ createdAt }) => createdAt))
    }
  }
}

export const idOf = ({ args }: LogEvent.LogEvent): string => String(Object(args).id)
