/** One reader of `readers`, in its process: a client whose consumer only counts, or a bare socket. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { WrongResult } from "../WrongResult.ts"
import { backendOf } from "./backends.ts"
import type { ClientName } from "./backends.ts"
import { obey } from "./child.ts"

/** `socket`: what any client has to do, which is to take the frames and acknowledge them. */
export type Reader = ClientName | "socket"

/** First `pull`, then `follow`. */
export type ReadOrder =
  | {
      readonly _tag: "pull"
      readonly reader: Reader
      readonly port: number
      readonly storeId: string
      /** The last event that is waited for. */
      readonly upTo: number
    }
  | { readonly _tag: "follow"; readonly upTo: number }

/** Since the order. */
export interface Read {
  /** CPU time of the process, compiler and garbage collection included. */
  readonly cpuMs: number
}

interface Reading {
  /** Waits until the event has come that has this number. */
  readonly reach: (upTo: number) => Promise<void>
}

/** A live pull that counts; each event must follow the one before. */
const readWith = async (
  client: ClientName,
  { port, storeId }: { readonly port: number; readonly storeId: string }
): Promise<Reading> => {
  const leader = Layer.merge(KeyValueStore.layerMemory, FetchHttpClient.layer)
  const scope = await Effect.runPromise(Scope.make())
  const backend = await backendOf(
    client,
    port
  )({ storeId, clientId: client, payload: undefined }).pipe(
    Effect.provide(leader),
    Scope.extend(scope),
    Effect.runPromise
  )
  let last = 0
  let awaited:
    | { readonly upTo: number; readonly reached: Deferred.Deferred<void, WrongResult> }
    | undefined
  const settle = (exit: Exit.Exit<void, WrongResult>) => {
    if (awaited !== undefined) Deferred.unsafeDone(awaited.reached, exit)
  }
  backend.pull(Option.none(), { live: true }).pipe(
    Stream.runForEach(({ batch }) =>
      Effect.sync(() => {
        for (const { eventEncoded } of batch) {
          if (eventEncoded.seqNum !== last + 1) {
            const message = `${client}: event ${eventEncoded.seqNum} after ${last}`
            settle(Exit.fail(new WrongResult({ message })))
          }
          last = eventEncoded.seqNum
        }
        if (awaited !== undefined && last >= awaited.upTo) settle(Exit.void)
      })
    ),
    Effect.runFork
  )
  return {
    reach: (upTo) => {
      if (last >= upTo) return Promise.resolve()
      const reached = Deferred.unsafeMake<void, WrongResult>(Effect.runSync(Effect.fiberId))
      awaited = { upTo, reached }
      return Effect.runPromise(Deferred.await(reached))
    }
  }
}

/** Of the frames it reads no more than whether the event is there that is waited for. */
const readBare = ({
  port,
  storeId
}: {
  readonly port: number
  readonly storeId: string
}): Promise<Reading> => {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/websocket?storeId=${storeId}&transport=ws`)
  let text = ""
  let wake = () => {}
  socket.addEventListener("message", ({ data }: MessageEvent<string>) => {
    if (!data.startsWith('{"_tag":"Chunk"')) return
    text = data
    socket.send('{"_tag":"Ack","requestId":"1"}')
    wake()
  })
  const payload = { storeId, live: true, cursor: { _tag: "None" } }
  const request = { _tag: "Request", id: "1", tag: "SyncWsRpc.Pull", payload, headers: [] }
  return new Promise((resolve) => {
    socket.addEventListener("open", () => {
      socket.send(JSON.stringify(request))
      resolve({
        reach: (upTo) =>
          new Promise((resolve) => {
            wake = () => {
              if (text.includes(`"seqNum":${upTo},`)) resolve()
            }
            wake()
          })
      })
    })
  })
}

let reading: Reading | undefined

obey(async (order: ReadOrder): Promise<Read> => {
  const cpu = process.cpuUsage()
  if (order._tag === "pull") {
    reading = await (order.reader === "socket" ? readBare(order) : readWith(order.reader, order))
  }
  if (reading === undefined) throw new Error("nothing is pulled yet")
  await reading.reach(order.upTo)
  const { system, user } = process.cpuUsage(cpu)
  return { cpuMs: (user + system) / 1_000 }
})
