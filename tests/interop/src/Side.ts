/**
 * The clients that are tried, both as LiveStore takes them, and a leader's way to use one.
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import type { SyncBackend } from "@livestore/common"
import type { LiveStoreEvent } from "@livestore/common/schema"
import { EventSequenceNumber } from "@livestore/common/schema"
import { makeHttpSync, makeWsSync } from "@livestore/sync-cf/client"
import type { BenchServer } from "@tidelog/benchmarks/src/BenchServer.ts"
import { eventually } from "@tidelog/e2e/src/eventually.ts"
import { makeCfSync } from "@tidelog/sync-client"
import * as TidelogHttp from "@tidelog/sync-client/http"
import type { Message } from "@tidelog/sync-protocol"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"

export const clientNames = ["official", "official HTTP", "tidelog", "tidelog HTTP"] as const
export type ClientName = (typeof clientNames)[number]

type SyncMetadata = Message.SyncMetadata

export type Backend = SyncBackend.SyncBackend<SyncMetadata>

/** What LiveStore's leader brings. Each client has its own. */
export const leader = Layer.fresh(Layer.merge(KeyValueStore.layerMemory, FetchHttpClient.layer))

/** A client of a store, for as long as the scope. */
export const connect = (name: ClientName, server: Pick<BenchServer, "port">, storeId: string) =>
  constructors[name](`127.0.0.1:${server.port}`)({ storeId, clientId: name, payload: undefined })

/** Each client as LiveStore is given it, for a server at a host and, if it has one, a path. */
export const constructors: Readonly<
  Record<ClientName, (host: string) => SyncBackend.SyncBackendConstructor<SyncMetadata>>
> = {
  official: (host) => makeWsSync({ url: `ws://${host}/websocket` }),
  "official HTTP": (host) =>
    // It follows a log by asking again: here not every 5 s only.
    makeHttpSync({ url: `http://${host}/sync`, livePull: { pollInterval: "100 millis" } }),
  tidelog: (host) => makeCfSync({ url: `ws://${host}` }),
  "tidelog HTTP": (host) =>
    TidelogHttp.makeHttpSync({ url: `http://${host}`, pollInterval: "100 millis" })
}

/** Events `from + 1` to `to` of a chain that counts by one. */
export const events = (
  from: number,
  to: number,
  args: unknown = { text: "Buy bread, milk and a dozen apples" }
): ReadonlyArray<LiveStoreEvent.Global.Encoded> =>
  Array.from({ length: to - from }, (_, index) => ({
    name: "v1.TodoCreated",
    args,
    seqNum: EventSequenceNumber.Global.make(from + index + 1),
    parentSeqNum: EventSequenceNumber.Global.make(from + index),
    clientId: "client",
    sessionId: "session"
  }))

/** The numbers `from + 1` to `to`. */
export const range = (from: number, to: number): ReadonlyArray<number> =>
  Array.from({ length: to - from }, (_, index) => from + index + 1)

/** Waits until something holds. If that takes too long, its text says what was waited for. */
export const until = (holds: () => boolean) =>
  eventually(String(holds), Effect.sync(holds), (held) => held)

const cursorAfter = (seqNum: number) =>
  seqNum === 0
    ? Option.none()
    : Option.some({
        eventSequenceNumber: EventSequenceNumber.Global.make(seqNum),
        metadata: Option.none()
      })

/** The events after a position, up to the head, page by page. */
export const readAfter = (backend: Backend, after: number) =>
  Stream.runCollect(backend.pull(cursorAfter(after), { live: false })).pipe(
    Effect.map((pages) =>
      [...pages].flatMap(({ batch }) => batch.map(({ eventEncoded }) => eventEncoded))
    )
  )

/** What a reader has of a log. */
export interface Reader {
  readonly seqNums: Array<number>
  /** The page after which there was no more, or not yet. */
  caughtUp: number
}

export const newReader = (): Reader => ({ seqNums: [], caughtUp: -1 })

/**
 * Follows a log as LiveStore's leader does: from the last event that it has, and again whenever a pull fails
 * because the connection did. Ends only with another failure.
 */
export const follow = (backend: Backend, reader: Reader) => {
  const pull = Stream.suspend(() =>
    backend.pull(cursorAfter(reader.seqNums.at(-1) ?? 0), { live: true })
  )
  return Stream.runForEach(pull, ({ batch, pageInfo }) =>
    Effect.sync(() => {
      reader.seqNums.push(...batch.map(({ eventEncoded }) => eventEncoded.seqNum))
      if (pageInfo._tag === "NoMore") reader.caughtUp = reader.seqNums.length
    })
  ).pipe(
    Effect.retry({
      while: ({ _tag }) => _tag === "IsOfflineError",
      schedule: Schedule.spaced("200 millis")
    }),
    Effect.forkScoped
  )
}
