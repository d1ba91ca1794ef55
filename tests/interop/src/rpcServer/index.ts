/**
 * A backend of this project's and one of LiveStore's, and objects of an app that are their clients: one with a client
 * alone, one with a whole store. By which client, and on which backend, they are asked for:
 *
 * - `official`: LiveStore's `makeDoRpcSync`, on ours.
 * - `own`: ours, on ours.
 * - `away`: ours, on LiveStore's.
 * - `socket`: our `makeCfSync` from inside the object, on the backend at the `url`.
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import { createStoreDoPromise, makeAdapter } from "@livestore/adapter-cloudflare"
import type { SyncBackend } from "@livestore/common"
import { EventSequenceNumber } from "@livestore/common/schema"
import type { LiveStoreEvent } from "@livestore/common/schema"
import { createStorePromise, type Store } from "@livestore/livestore"
import { makeDurableObject as makeOfficial } from "@livestore/sync-cf/cf-worker"
import { handleSyncUpdateRpc, makeDoRpcSync } from "@livestore/sync-cf/client"
import type { SyncMessage } from "@livestore/sync-cf/common"
import { makeCfSync } from "@tidelog/sync-client"
import * as Own from "@tidelog/sync-client/do-rpc"
import { makeDurableObject, makeWorker } from "@tidelog/sync-worker"
import { doRpc } from "@tidelog/sync-worker/do-rpc"
import { DurableObject } from "cloudflare:workers"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { events, schema, tables } from "./schema.ts"

export class SyncBackendDO extends makeDurableObject({
  doRpc: doRpc({ callers: ["CLIENT_DO", "STORE_DO"] })
}) {}

export class OfficialDO extends makeOfficial() {}

interface Env {
  readonly SYNC_BACKEND_DO: DurableObjectNamespace<SyncBackendDO>
  readonly OFFICIAL_DO: DurableObjectNamespace
  readonly CLIENT_DO: DurableObjectNamespace<ClientDO>
  readonly STORE_DO: DurableObjectNamespace<StoreDO>
}

type Backend = SyncBackend.SyncBackend<SyncMessage.SyncMetadata>
type StubOf = Parameters<typeof makeDoRpcSync>[0]["syncBackendStub"]

/** LiveStore names the types of another version of the platform. */
const stubOf = (
  namespace: { idFromName(name: string): DurableObjectId; get(id: DurableObjectId): object },
  storeId: string
) => namespace.get(namespace.idFromName(storeId)) as StubOf

/** Whatever an Effect brings, as JSON: `{ error }` by its tag if it fails. */
const answer = <A, E>(effect: Effect.Effect<A, E>) =>
  effect.pipe(
    Effect.match({
      onSuccess: (value) => Response.json({ value }),
      onFailure: (error) => Response.json({ error: Reflect.get(Object(error), "_tag") })
    }),
    Effect.runPromise
  )

/** How an object syncs. */
interface Way {
  readonly storeId: string
  readonly via: string
  readonly url: string
}

const wayOf = ({ searchParams }: URL): Way => ({
  storeId: searchParams.get("storeId") ?? "",
  via: searchParams.get("via") ?? "official",
  url: searchParams.get("url") ?? ""
})

/** The backend of an object, as LiveStore is given it. */
const backendOf = (
  env: Env,
  { storeId, url, via }: Way,
  durableObject: Own.DoRpcSyncOptions["durableObject"]
) => {
  const durableObjectContext = {
    bindingName: durableObject.bindingName,
    durableObjectId: durableObject.ctx.id.toString()
  }
  switch (via) {
    case "own":
      return Own.makeDoRpcSync({
        syncBackendStub: () => env.SYNC_BACKEND_DO.getByName(storeId),
        durableObject
      })
    case "away":
      return Own.makeDoRpcSync({
        syncBackendStub: () => stubOf(env.OFFICIAL_DO, storeId),
        durableObject,
        checkInterval: "2 seconds"
      })
    case "socket":
      return makeCfSync({ url })
    default:
      return makeDoRpcSync({
        syncBackendStub: stubOf(env.SYNC_BACKEND_DO, storeId),
        durableObjectContext
      })
  }
}

const handOver = (via: string | undefined, payload: unknown, ctx: object): Promise<unknown> =>
  via === "own" || via === "away"
    ? Own.handleSyncUpdateRpc(payload, ctx)
    : handleSyncUpdateRpc(payload)

/** A client alone, which does what a test tells it. */
export class ClientDO extends DurableObject<Env> {
  readonly #scope = Effect.runSync(Scope.make())
  readonly #received: Array<number> = []
  #backend: Promise<Backend> | undefined
  /** How often it was called back. */
  #calls = 0

  async #connect(way: Way): Promise<Backend> {
    await this.ctx.storage.put("via", way.via)
    const make = backendOf(this.env, way, { ctx: this.ctx, bindingName: "CLIENT_DO" })
    return make({ storeId: way.storeId, clientId: "client", payload: undefined }).pipe(
      Effect.provide(Layer.merge(KeyValueStore.layerMemory, FetchHttpClient.layer)),
      Scope.extend(this.#scope),
      Effect.runPromise
    )
  }

  async syncUpdateRpc(payload: unknown): Promise<unknown> {
    this.#calls += 1
    return handOver(await this.ctx.storage.get<string>("via"), payload, this.ctx)
  }

  override async fetch(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url)
    // A client that only tells what it has heard begins no life of its own.
    if (pathname === "/state") {
      return Response.json({ received: this.#received, calls: this.#calls })
    }
    this.#backend ??= this.#connect(wayOf(new URL(request.url)))
    const backend = await this.#backend
    switch (pathname) {
      case "/ping":
        return answer(backend.ping)
      case "/push": {
        const batch: ReadonlyArray<LiveStoreEvent.Global.Encoded> = await request.json()
        return answer(backend.push(batch))
      }
      case "/pull": {
        const after = Number(searchParams.get("after") ?? 0)
        const cursor =
          after === 0
            ? Option.none()
            : Option.some({
                eventSequenceNumber: EventSequenceNumber.Global.make(after),
                metadata: Option.none()
              })
        return answer(
          backend.pull(cursor, { live: false }).pipe(
            Stream.runCollect,
            Effect.map((pages) =>
              [...pages].flatMap(({ batch }) => batch.map(({ eventEncoded }) => eventEncoded))
            )
          )
        )
      }
      case "/follow":
        this.ctx.waitUntil(
          Stream.runForEach(backend.pull(Option.none(), { live: true }), ({ batch }) =>
            Effect.sync(() => {
              this.#received.push(...batch.map(({ eventEncoded }) => eventEncoded.seqNum))
            })
          ).pipe(Effect.runPromise)
        )
        return Response.json({})
      default:
        return new Response("no such request", { status: 404 })
    }
  }
}

/** A LiveStore store inside an object. */
export class StoreDO extends DurableObject<Env> {
  #store: Promise<Store<typeof schema>> | undefined

  #open(way: Way) {
    const bindingName = "STORE_DO"
    const own = { schema, storeId: way.storeId, clientId: this.ctx.id.toString().slice(0, 12) }
    this.#store ??=
      way.via === "official"
        ? createStoreDoPromise({
            ...own,
            sessionId: "object",
            durableObject: { ctx: this.ctx, env: this.env, bindingName } as never,
            syncBackendStub: stubOf(this.env.SYNC_BACKEND_DO, way.storeId) as never,
            livePull: true
          })
        : createStorePromise({
            ...own,
            adapter: makeAdapter({
              storage: this.ctx.storage as never,
              clientId: own.clientId,
              sessionId: "object",
              syncOptions: {
                backend: backendOf(this.env, way, { ctx: this.ctx, bindingName }),
                livePull: true
              }
            })
          })
    return this.#store
  }

  async syncUpdateRpc(payload: unknown): Promise<unknown> {
    // It may have slept.
    const way = await this.ctx.storage.get<Way>("way")
    if (way !== undefined) await this.#open(way)
    return handOver(way?.via, payload, this.ctx)
  }

  override async fetch(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url)
    const way = wayOf(new URL(request.url))
    await this.ctx.storage.put("way", way)
    const store = await this.#open(way)
    if (pathname === "/add") {
      store.commit(events.noteAdded({ id: searchParams.get("id") ?? "" }))
    }
    // As it comes of a text that is cut.
    if (pathname === "/cut") store.commit(events.noteAdded({ id: "a😀".slice(0, 2) }))
    return Response.json(store.query(tables.notes.orderBy("id", "asc")).map(({ id }) => id))
  }
}

const worker = makeWorker()

export default {
  fetch(request: Request, env: Env, ctx: ExecutionContext) {
    const url = new URL(request.url)
    const [, route, name = "", ...rest] = url.pathname.split("/")
    url.pathname = `/${rest.join("/")}`
    switch (route) {
      case "client":
        return env.CLIENT_DO.get(env.CLIENT_DO.idFromName(name)).fetch(new Request(url, request))
      case "store":
        return env.STORE_DO.get(env.STORE_DO.idFromName(name)).fetch(new Request(url, request))
      case "ready":
        return new Response("ready\n")
      default:
        return worker.fetch(request, { ...env, WEBSOCKET_SERVER: env.SYNC_BACKEND_DO }, ctx)
    }
  }
}
