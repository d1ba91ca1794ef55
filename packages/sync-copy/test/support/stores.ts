/**
 * Stores for the tests: made, looked at, and copied, over the wire alone.
 */
import * as Socket from "@effect/platform/Socket"
import * as SyncClient from "@tidelog/sync-client/SyncClient"
import type { LogEvent } from "@tidelog/sync-protocol"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { copy, type CopyOptions } from "../../src/Copy.ts"
import * as Destination from "../../src/Destination.ts"
import * as Progress from "../../src/Progress.ts"
import * as Source from "../../src/Source.ts"
import { type ServerName, Servers } from "./servers.ts"

export interface Store {
  readonly on: ServerName
  readonly storeId: string
  readonly payload?: unknown
}

/** Events `from + 1` to `to` of a chain that counts by one. */
export const events = (
  from: number,
  to: number,
  change: (seqNum: number) => Partial<LogEvent.LogEvent> = () => ({})
): ReadonlyArray<LogEvent.LogEvent> =>
  Array.from({ length: to - from }, (_, index) => ({
    name: "v1.TodoCreated",
    args: { id: from + index + 1, text: "Buy bread, milk and a dozen apples" },
    seqNum: from + index + 1,
    parentSeqNum: from + index,
    clientId: "client",
    sessionId: "session",
    ...change(from + index + 1)
  }))

export const webSocket = Socket.layerWebSocketConstructorGlobal

const client = ({ on, payload, storeId }: Store) =>
  Effect.flatMap(Servers, (servers) =>
    SyncClient.make({ url: servers[on].url, storeId, payload, broadcastStatus: false })
  ).pipe(Effect.provide(webSocket))

/** A push that a limit holds back is pushed again. */
export const fill = (store: Store, batch: ReadonlyArray<LogEvent.LogEvent>) =>
  Effect.gen(function* () {
    const { push } = yield* client(store)
    for (let at = 0; at < batch.length; at += 100) {
      yield* push(batch.slice(at, at + 100), { backendId: Option.none() }).pipe(
        Effect.retry({
          schedule: Schedule.spaced("50 millis"),
          while: ({ _tag }) => _tag === "UnknownError"
        })
      )
    }
  }).pipe(Effect.scoped)

/** All events of a store. */
export const readAll = (store: Store) =>
  Effect.gen(function* () {
    const { pull } = yield* client(store)
    const pages = yield* Stream.runCollect(
      pull({ cursor: 0, backendId: Option.none(), live: false })
    )
    return [...pages].flatMap(({ batch }) => batch.map(({ eventEncoded }) => eventEncoded))
  }).pipe(Effect.scoped)

/** Waits until a store has so many events. */
export const grown = (store: Store, count: number) =>
  Effect.gen(function* () {
    const { pull } = yield* client(store)
    let seen = 0
    yield* pull({ cursor: 0, backendId: Option.none(), live: true }).pipe(
      Stream.tap(({ batch }) =>
        Effect.sync(() => {
          seen += batch.length
        })
      ),
      Stream.takeUntil(() => seen >= count),
      Stream.runDrain
    )
  }).pipe(Effect.scoped)

export interface Options extends CopyOptions {
  readonly nullForAbsentArgs?: boolean
  /** Told of each step, which waits for it. */
  readonly onProgress?: (snapshot: Progress.Snapshot) => Effect.Effect<void>
  readonly webSocket?: Layer.Layer<Socket.WebSocketConstructor>
}

export const copyStore = (from: Store, to: Store, options: Options = {}) =>
  Effect.flatMap(Servers, (servers) => {
    const { nullForAbsentArgs, onProgress = () => Effect.void } = options
    const side = ({ on, payload, storeId }: Store) => ({
      url: servers[on].url,
      storeId,
      payload,
      patience: "30 seconds" as const
    })
    return copy(options).pipe(
      Effect.provide(Source.layer(side(from))),
      Effect.provide(Destination.layer({ ...side(to), nullForAbsentArgs })),
      Effect.provideService(Progress.Progress, { report: onProgress }),
      Effect.provide(options.webSocket ?? webSocket)
    )
  })

/** A copy that follows, in a fiber of its own, and has caught up. */
export const followed = (from: Store, to: Store, until?: Effect.Effect<void>) =>
  Effect.gen(function* () {
    const following = yield* Deferred.make<void>()
    const copying = yield* copyStore(from, to, {
      follow: true,
      until,
      onProgress: ({ phase }) =>
        phase === "following" ? Effect.asVoid(Deferred.succeed(following, undefined)) : Effect.void
    }).pipe(Effect.fork)
    yield* Effect.raceFirst(Deferred.await(following), Fiber.join(copying))
    return copying
  })
