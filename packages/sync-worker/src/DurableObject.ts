/**
 * The Durable Object class that serves a store.
 *
 * @since 0.1.0
 */
import type { WebSocket } from "@cloudflare/workers-types"
import { Limits } from "@tidelog/sync-protocol"
import { DurableObject } from "cloudflare:workers"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { layerEventLogD1 } from "./CloudflareEnv.ts"
import * as StoreObject from "./StoreObject.ts"
import * as SyncHooks from "./SyncHooks.ts"
import * as SyncServer from "./SyncServer.ts"

/**
 * @since 0.1.0
 * @category models
 */
export interface DurableObjectOptions extends SyncHooks.HookOptions {
  /** Where the events are kept: a D1 database, by the name of its binding (`DB` if not told). */
  readonly storage?: { readonly _tag: "d1"; readonly binding?: string }
  /** What differs from `Limits.defaults`. */
  readonly limits?: Partial<Limits.LimitsService>
  /** Names of the upgrade request's headers that hooks see in `session.headers`. */
  readonly forwardHeaders?: ReadonlyArray<string>
}

/**
 * A class to extend and to bind in the Worker's configuration.
 *
 * @since 0.1.0
 * @category models
 */
export type SyncDurableObject = new (
  ctx: DurableObjectState,
  env: Cloudflare.Env
) => DurableObject<Cloudflare.Env> & {
  fetch(request: Request): Promise<Response>
  webSocketMessage(socket: WebSocket, data: string | ArrayBuffer): Promise<void>
  webSocketClose(socket: WebSocket, code: number, reason: string): Promise<void>
  webSocketError(socket: WebSocket): Promise<void>
}

/**
 * The Durable Object of a sync backend over D1:
 *
 * ```ts
 * export class SyncBackendDO extends makeDurableObject({ onPush: (request) => … }) {}
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeDurableObject = (options: DurableObjectOptions = {}): SyncDurableObject =>
  makeDurableObjectFromLayer(
    SyncServer.layer.pipe(
      Layer.provide(layerEventLogD1(options.storage?.binding ?? "DB")),
      Layer.provide(SyncHooks.layer(options)),
      Layer.provideMerge(Limits.Limits.layer(options.limits)),
      Layer.provide(Logger.json)
    ),
    options
  )

/**
 * The Durable Object of a sync backend that is composed by hand. `layer` is built once for as long
 * as the object is in memory, and again after it was not.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeDurableObjectFromLayer = <E>(
  layer: StoreObject.ServerLayer<E>,
  options: Pick<DurableObjectOptions, "forwardHeaders"> = {}
): SyncDurableObject =>
  class extends DurableObject<Cloudflare.Env> {
    readonly #store: StoreObject.StoreObject

    constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
      super(ctx, env)
      this.#store = StoreObject.make({
        state: ctx,
        env,
        layer,
        forwardHeaders: options.forwardHeaders ?? []
      })
    }

    override fetch(request: Request) {
      return Effect.runPromise(this.#store.fetch(request))
    }

    override webSocketMessage(socket: WebSocket, data: string | ArrayBuffer) {
      return Effect.runPromise(this.#store.message(socket, data))
    }

    override webSocketClose(socket: WebSocket, code: number, reason: string) {
      return Effect.runPromise(this.#store.closed(socket, code, reason))
    }

    override webSocketError(socket: WebSocket) {
      return Effect.runPromise(this.#store.failed(socket))
    }
  }
