/**
 * A client as a device has it: what LiveStore keeps for it outlives its connections.
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import { type ClientName, constructors } from "@tidelog/interop/src/Side.ts"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"

/** Where a store's events are. */
export type Engine = "d1" | "sqlite"

export interface Device {
  /** A connection, for as long as the scope. */
  readonly connect: ReturnType<typeof connector>
  /** The backendId that its client has kept. */
  readonly backendId: Effect.Effect<string | undefined>
}

const connector = (
  name: ClientName,
  host: string,
  storeId: string,
  kept: KeyValueStore.KeyValueStore
) =>
  constructors[name](host)({ storeId, clientId: name, payload: undefined }).pipe(
    Effect.provide(
      Layer.merge(Layer.succeed(KeyValueStore.KeyValueStore, kept), FetchHttpClient.layer)
    )
  )

/** Where a client connects. The path has its name, so that the worker's log tells who came and how. */
export const pathOf = (name: ClientName, engine: Engine) => `/${engine}/${name.replace(" ", "-")}`

export const make = (port: number) => (name: ClientName, engine: Engine, storeId: string) =>
  Effect.map(KeyValueStore.KeyValueStore, (kept): Device => ({
    connect: connector(name, `127.0.0.1:${port}${pathOf(name, engine)}`, storeId, kept),
    backendId: kept.get("backendId").pipe(Effect.orDie, Effect.map(Option.getOrUndefined))
  })).pipe(Effect.provide(Layer.fresh(KeyValueStore.layerMemory)))
