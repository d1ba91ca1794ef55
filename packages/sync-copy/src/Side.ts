/**
 * One store on one server, as the source and the destination both need it: a client, and an end to every wait.
 *
 * @since 0.1.0
 */
import * as Socket from "@effect/platform/Socket"
import * as SyncClient from "@tidelog/sync-client/SyncClient"
import type * as SyncStatus from "@tidelog/sync-client/SyncStatus"
import { Handshake } from "@tidelog/sync-protocol"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { CannotConnect, InvalidSide, Refused, type SideName, Stalled } from "./CopyError.ts"

/**
 * Which store, on which server.
 *
 * - `url`: the server, a ws(s) or http(s) URL, with a path, a query, or neither.
 * - `payload`: what the server's authorisation asks for, any JSON value. Left out, none.
 * - `patience`: how long nothing may come from the server before the copy is given up. Default: 2 minutes.
 *
 * @since 0.1.0
 * @category models
 */
export interface SideOptions {
  readonly url: string
  readonly storeId: string
  readonly payload?: unknown
  readonly patience?: Duration.DurationInput | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Side {
  readonly name: SideName
  readonly storeId: string
  /** Where it is, for people: without query and payload. */
  readonly address: string
  readonly client: SyncClient.SyncClientService
  /** Connects for the first time. */
  readonly connect: Effect.Effect<void, CannotConnect | Refused>
  /** Fails once the server refuses this client; a client that is refused would wait for ever. */
  readonly refused: Effect.Effect<never, Refused>
  /** Bounds a wait for the server: by its patience, and by a refusal. */
  readonly bounded: <A, E, R>(
    wait: Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | Refused | Stalled, R>
}

const DEFAULT_PATIENCE = "2 minutes"

/** What was thrown on an address that is none may quote it, and with it a secret. */
const parseAddress = (url: string): string | undefined => {
  if (!URL.canParse(url)) return undefined
  const { host, pathname, protocol } = new URL(url)
  return ["ws:", "wss:", "http:", "https:"].includes(protocol)
    ? `${protocol}//${host}${pathname === "/" ? "" : pathname}`
    : undefined
}

type Construct = (url: string, protocols?: string | Array<string>) => WebSocket

/**
 * What a WebSocket says of its failure, where it says something: the browser's does not, those of Node do. The
 * client itself only learns that the connection was lost.
 */
const listening =
  (construct: Construct, onTrouble: (words: string | undefined) => void): Construct =>
  (url, protocols) => {
    const socket = construct(url, protocols)
    socket.addEventListener("open", () => onTrouble(undefined))
    socket.addEventListener("error", (event) => {
      const words: unknown = Reflect.get(event, "message")
      if (typeof words === "string" && words !== "") onTrouble(words)
    })
    return socket
  }

const isStoreId = Schema.is(Handshake.StoreId)

/**
 * A side that is connected when it is first used, for as long as the scope.
 *
 * Fails with `InvalidSide` if it can be no server or no store.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  name: SideName,
  options: SideOptions
): Effect.Effect<Side, InvalidSide, Socket.WebSocketConstructor | Scope.Scope> =>
  Effect.gen(function* () {
    const { payload, storeId, url } = options
    const patience = Duration.decode(options.patience ?? DEFAULT_PATIENCE)
    const address = parseAddress(url)
    if (address === undefined) {
      return yield* new InvalidSide({
        side: name,
        reason: "its URL is none of ws:, wss:, http: or https:"
      })
    }
    if (!isStoreId(storeId)) {
      return yield* new InvalidSide({ side: name, reason: "a store id has 1 to 1,024 characters" })
    }

    let trouble: string | undefined
    const construct = listening(yield* Socket.WebSocketConstructor, (words) => {
      trouble = words
    })
    const client = yield* SyncClient.make({
      url,
      storeId,
      payload,
      broadcastStatus: false,
      // A server may take no WebSockets, or there may be none on the way to it.
      transport: "auto"
    }).pipe(
      Effect.provideService(Socket.WebSocketConstructor, construct),
      // The connections live in a fiber of their own, whose log lines tell which side they are of.
      Effect.annotateLogs({ side: name }),
      Effect.mapError(({ message }) => new InvalidSide({ side: name, reason: message }))
    )

    const refusedBy = ({ code, reason }: SyncStatus.SyncStatus & { readonly _tag: "Refused" }) =>
      new Refused({ side: name, code, reason })

    const refused = client.status.changes.pipe(
      Stream.filter((status) => status._tag === "Refused"),
      Stream.runHead,
      Effect.flatten,
      // The status ends with the client, and then nobody waits any more.
      Effect.catchTag("NoSuchElementException", () => Effect.never),
      Effect.flatMap(refusedBy)
    )

    /** How it stands, for people. */
    const state = Effect.map(client.status.get, (status) => {
      switch (status._tag) {
        case "Waiting":
          return trouble ?? status.reason
        case "Offline":
        case "Connecting":
          return trouble ?? "it does not answer"
        case "Online":
          return "it is connected, and does not answer"
        case "Idle":
        case "Closed":
        case "Refused":
          return "it is not connected"
      }
    })

    return {
      name,
      storeId,
      address,
      client,
      refused,
      connect: Effect.gen(function* () {
        yield* client.connect
        const status = yield* client.status.get
        if (status._tag === "Refused") return yield* refusedBy(status)
        if (status._tag === "Online") return
        return yield* new CannotConnect({ side: name, address, reason: yield* state })
      }),
      bounded: (wait) =>
        wait.pipe(
          Effect.raceFirst(refused),
          Effect.timeoutTo({
            duration: patience,
            onSuccess: Effect.succeed,
            onTimeout: () =>
              Effect.flatMap(
                state,
                (reason) =>
                  new Stalled({ side: name, seconds: Duration.toSeconds(patience), reason })
              )
          }),
          Effect.flatten
        )
    }
  })
