/**
 * A backend of this project's, and objects of an app that are its clients through LiveStore's own packages: one
 * with `makeDoRpcSync` alone, one with a whole store. With a `url` the former is one of this project's client, over a
 * WebSocket from inside the object.
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import { createStoreDoPromise } from "@livestore/adapter-cloudflare"
import type { SyncBackend } from "@livestore/common"
import { EventSequenceNumber } from "@livestore/common/schema"
import type { LiveStoreEvent } from "@livestore/common/schema"
import type { Store } from "@livestore/livestore"
import { handleSyncUpdateRpc, makeDoRpcSync } from "@livestore/sync-cf/client"
import type { SyncMessage } from "@livestore/sync-cf/common"
import { makeCfSync } from "@tidelog/sync-client"
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

interface Env {
  readonly SYNC_BACKEND_DO: DurableObjectNamespace<SyncBackendDO>
  readonly CLIENT_DO: DurableObjectNamespace<ClientDO>
  readonly STORE_DO: DurableObjectNamespace<StoreDO>
}

type Backend = SyncBackend.SyncBackend<SyncMessage.SyncMetadata>
type StubOf = Parameters<typeof makeDoRpcSync>[0]["syncBackendStub"]

const stubOf = (env: Env, storeId: string) =>
  // LiveStore names the types of another version of the platform.
  env.SYNC_BACKEND_DO.get(env.SYNC_BACKEND_DO.idFromName(storeId)) as unknown as StubOf

/** Whatever an Effect brings, as JSON: `{ error }` by its tag if it fails. */
const answer = <A, E>(effect: Effect.Effect<A, E>) =>
  effect.pipe(
    Effect.match({
      onSuccess: (value) => Response.json({ value }),
      onFailure: (error) => Response.json({ error: Reflect.get(Object(error), "_tag") })
    }),
    Effect.runPromise
  )

/** A client by `makeDoRpcSync`, which does what a test tells it. */
export class ClientDO extends DurableObject<Env> {
  readonly #scope = Effect.runSync(Scope.make())
  readonly #received: Array<number> = []
  #backend: Promise<Backend> | undefined
  /** How often it was called back. */
  #calls = 0

  #connect(storeId: string, url: string | null): Promise<Backend> {
    const make =
      url === null
        ? makeDoRpcSync({
            syncBackendStub: stubOf(this.env, storeId),
            durableObjectContext: {
              bindingName: "CLIENT_DO",
              durableObjectId: this.ctx.id.toString()
            }
          })
        : makeCfSync({ url })
    return make({ storeId, clientId: "client", payload: undefined }).pipe(
      Effect.provide(Layer.merge(KeyValueStore.layerMemory, FetchHttpClient.layer)),
      Scope.extend(this.#scope),
      Effect.runPromise
    )
  }

  async syncUpdateRpc(payload: unknown): Promise<void> {
    this.#calls += 1
    await handleSyncUpdateRpc(payload)
  }

  override async fetch(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url)
    this.#backend ??= this.#connect(searchParams.get("storeId") ?? "", searchParams.get("url"))
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
        return Response.json({ received: this.#received, calls: this.#calls })
    }
  }
}

/** A LiveStore store inside an object. */
export class StoreDO extends DurableObject<Env> {
  #store: Promise<Store<typeof schema>> | undefined

  #open(storeId: string) {
    this.#store ??= createStoreDoPromise({
      schema,
      storeId,
      clientId: this.ctx.id.toString().slice(0, 12),
      sessionId: "object",
      durableObject: { ctx: this.ctx, env: this.env, bindingName: "STORE_DO" } as never,
      syncBackendStub: stubOf(this.env, storeId) as never,
      livePull: true
    })
    return this.#store
  }

  async syncUpdateRpc(payload: unknown): Promise<void> {
    // It may have slept.
    const storeId = await this.ctx.storage.get<string>("storeId")
    if (storeId !== undefined) await this.#open(storeId)
    await handleSyncUpdateRpc(payload)
  }

  override async fetch(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url)
    const storeId = searchParams.get("storeId") ?? ""
    await this.ctx.storage.put("storeId", storeId)
    const store = await this.#open(storeId)
    if (pathname === "/add") {
      store.commit(events.noteAdded({ id: searchParams.get("id") ?? "" }))
    }
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
