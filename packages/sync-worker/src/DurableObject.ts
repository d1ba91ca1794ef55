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
import { CloudflareEnv, layerEventLogD1, layerEventLogDurableObjectWith } from "./CloudflareEnv.ts"
import type { MissingBinding, ObjectStorage, StorageOption } from "./CloudflareEnv.ts"
import type { DoRpcTransport } from "./DoRpcTransport.ts"
import type { EventLog } from "./EventLog.ts"
import type * as ForwardHeaders from "./ForwardHeaders.ts"
import type * as HookMessage from "./HookMessage.ts"
import { provideServices } from "./internal/services.ts"
import type { Enough, ServicesOption } from "./internal/services.ts"
import type { UserResult } from "./internal/userCode.ts"
import type { StoreId } from "./StoreId.ts"
import * as StoreObject from "./StoreObject.ts"
import * as SyncHooks from "./SyncHooks.ts"
import * as SyncServer from "./SyncServer.ts"
import type { OpenError } from "./Takeover.ts"
import * as Telemetry from "./Telemetry.ts"

/**
 * How the object meets the platform, whatever its server is made of.
 *
 * @since 0.1.0
 * @category models
 */
export interface TransportOptions {
  /**
   * The upgrade request's headers that hooks see in `session.headers`: names, or a function of the
   * request that returns them.
   */
  readonly forwardHeaders?: ForwardHeaders.ForwardHeaders
  /**
   * How clients may connect: by WebSocket (`ws`) and HTTP (`http`) if not told, and by calls of other objects
   * (`do-rpc`) where `doRpc` says whose. Others are refused with a reason. `do-rpc` without `doRpc` throws.
   */
  readonly enabledTransports?: Iterable<StoreObject.Transport>
  /** Of the HTTP transport: headers that are on each of its answers, refusals of the object among them. */
  readonly http?: StoreObject.HttpOptions
  /** How other objects of the app may be clients: `doRpc` of `@tidelog/sync-worker/do-rpc`. */
  readonly doRpc?: DoRpcTransport
}

/**
 * What a hook may return: nothing, a Promise of that, or an Effect, whatever it needs.
 *
 * @since 0.1.0
 * @category models
 */
export type HookResult = UserResult<void, unknown>

/**
 * What a Durable Object is told: its hooks (`SyncHooks.HookOptions` says what each may do), where the events
 * are kept, and what is allowed.
 *
 * `APush` and the others: what each hook returns. `S`: the services that they are given.
 *
 * @since 0.1.0
 * @category models
 */
export interface DurableObjectOptions<
  APush extends HookResult = HookResult,
  APull extends HookResult = HookResult,
  APushRes extends HookResult = HookResult,
  APullRes extends HookResult = HookResult,
  S = never,
  E = never
>
  extends TransportOptions, ServicesOption<S, E, StoreId | CloudflareEnv> {
  /** Before a push is stored. */
  readonly onPush?: (request: HookMessage.PushRequest, session: SyncHooks.HookSession) => APush
  /** Before a pull starts. */
  readonly onPull?: (request: HookMessage.PullRequest, session: SyncHooks.HookSession) => APull
  /** After a push was answered. */
  readonly onPushRes?: (answer: SyncHooks.PushAnswer, session: SyncHooks.HookSession) => APushRes
  /** After a page of a pull was sent. */
  readonly onPullRes?: (page: HookMessage.PullResponse, session: SyncHooks.HookSession) => APullRes
  /** Where the events are kept. A Worker with admin or health routes is told the same. */
  readonly storage?: StorageOption
  /**
   * What differs from `Limits.defaults`. The Worker may be told the same: `maxPayloadBytes` and
   * `maxStoreIdLength` are for it, as they are enforced before an object is woken.
   */
  readonly limits?: Limits.LimitChanges
  /** Where spans are sent, if they are to be made. A function is given the bindings, with secrets. */
  readonly otel?: Telemetry.OtelOptions | ((env: object) => Telemetry.OtelOptions | undefined)
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
  alarm(): Promise<void>

  /** For other objects that are clients: LiveStore's `makeDoRpcSync` calls it. */
  rpc(payload: Uint8Array): Promise<Uint8Array | ReadableStream<Uint8Array>>

  /** For the Worker's admin routes: reachable through the binding only. */
  admin(operation: string): Promise<string>
}

/**
 * The Durable Object of a sync backend:
 *
 * ```ts
 * export class SyncBackendDO extends makeDurableObject({ onPush: (request) => … }) {}
 * ```
 *
 * `services`: a Layer of what the Effects of hooks need, asked for if they need anything. Throws what
 * `makeDurableObjectFromLayer` throws, and a `RangeError` if a limit is none.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeDurableObject = <
  APush extends HookResult = void,
  APull extends HookResult = void,
  APushRes extends HookResult = void,
  APullRes extends HookResult = void,
  S = never,
  E = never
>(
  options?: DurableObjectOptions<APush, APull, APushRes, APullRes, S, E>
    & Enough<APush | APull | APushRes | APullRes, S, StoreId | CloudflareEnv>
): SyncDurableObject =>
  makeDurableObjectFromLayer(
    serverOf(options).pipe(
      Layer.provide(options === undefined ? SyncHooks.layerNone : hooksOf<S, E>(options)),
      Layer.provide(Limits.layer(options?.limits)),
      Layer.provide(Logger.json)
    ),
    options
  )

/** The hooks of an app, with what they need. */
const hooksOf = <S, E>(
  options: DurableObjectOptions<HookResult, HookResult, HookResult, HookResult, S, E>
): Layer.Layer<SyncHooks.SyncHooks, E, StoreId | CloudflareEnv> =>
  // They need no other services: see `Enough`.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  provideServices(SyncHooks.layer(options as SyncHooks.HookOptions<S>), options.services)

/** Where the events are kept. */
const logOf = (
  storage: DurableObjectOptions["storage"] = { _tag: "d1" }
): Layer.Layer<EventLog, OpenError | MissingBinding, StoreId | CloudflareEnv | ObjectStorage> =>
  storage._tag === "do-sqlite"
    ? layerEventLogDurableObjectWith(storage.adoptOfficial)
    : layerEventLogD1(storage.binding ?? "DB", storage.adoptOfficial)

/** The server over its log, both traced if that is asked for. */
const serverOf = ({ otel, storage }: Pick<DurableObjectOptions, "otel" | "storage"> = {}) => {
  const log = logOf(storage)
  const plain = Layer.provide(SyncServer.layer, log)
  if (otel === undefined) return plain
  return Layer.unwrapEffect(
    Effect.map(CloudflareEnv, (env) => {
      const options = typeof otel === "function" ? otel(env) : otel
      return options === undefined
        ? plain
        : Telemetry.layerSyncServer(options).pipe(
            Layer.provide(SyncServer.layer),
            Layer.provide(Telemetry.layerEventLog),
            Layer.provide(log)
          )
    })
  )
}

/**
 * The Durable Object of a sync backend that is composed by hand. `layer` is built once for as long
 * as the object is in memory, and again after it was not. Throws a `TypeError` if `enabledTransports` names
 * `do-rpc` and there is no `doRpc`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeDurableObjectFromLayer = <E>(
  layer: StoreObject.ServerLayer<E>,
  options: TransportOptions = {}
): SyncDurableObject => {
  // Whoever deploys a mistake hears of it at once.
  const enabledTransports = StoreObject.transportsOf(options)
  return class extends DurableObject<Cloudflare.Env> {
    readonly #store: StoreObject.StoreObject

    constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
      super(ctx, env)
      this.#store = StoreObject.make({
        ...options,
        enabledTransports,
        state: ctx,
        env,
        layer,
        name: ctx.id.name
      })
    }

    override fetch(request: Request) {
      return Effect.runPromise(this.#store.fetch(request))
    }

    override webSocketMessage(socket: WebSocket, data: string | ArrayBuffer) {
      return this.#store.message(socket, data)
    }

    override webSocketClose(socket: WebSocket, code: number, reason: string) {
      return Effect.runPromise(this.#store.closed(socket, code, reason))
    }

    override webSocketError(socket: WebSocket) {
      return Effect.runPromise(this.#store.failed(socket))
    }

    override alarm() {
      return Effect.runPromise(this.#store.alarm)
    }

    rpc(payload: Uint8Array) {
      return Effect.runPromise(this.#store.rpc(payload))
    }

    admin(operation: string) {
      return Effect.runPromise(this.#store.admin(operation))
    }
  }
}
