/**
 * One store's server, as the platform runs it: started when it is needed, asleep with its sockets open when
 * nothing happens, gone at any moment. Its storage is slow, fails, and does not always say what it did.
 */
import { Frame } from "@tidelog/sync-protocol"
import {
  Alarm,
  type Connection,
  EventLog,
  EventLogMemory,
  SyncHooks,
  SyncServer
} from "@tidelog/sync-worker/core"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import type { Chance } from "./Chance.ts"
import type { Acceptor, Link } from "./Network.ts"
import type { VirtualTime } from "./VirtualTime.ts"

export const STORE_ID = "store"

/** Close code of a server that is in trouble, and is better asked later. */
const TRY_AGAIN_LATER = 1013

/** What a test puts in the place of a log, to see it found. */
export type Sabotage = (log: EventLog.EventLogService) => EventLog.EventLogService

/** A server from its start to its end. What it does when it is dead, nobody sees. */
interface Incarnation {
  readonly started: Deferred.Deferred<SyncServer.SyncServerService, EventLog.StorageError>
  readonly scope: Scope.CloseableScope
  server: SyncServer.SyncServerService | undefined
  isDead: boolean
  /** Handlers that have not ended. */
  busy: number
}

interface OpenSocket {
  readonly session: Connection.Session
  state: Connection.ConnectionState | undefined
  connection: Connection.Connection | undefined
}

export interface HostOptions {
  readonly time: VirtualTime
  readonly chance: Chance
  readonly trace: (line: string) => void
  /** Runs something that nobody waits for. */
  readonly fork: (effect: Effect.Effect<void>) => void
  readonly sabotage: Sabotage | undefined
}

export class StoreHost implements Acceptor {
  readonly #options: HostOptions
  readonly #database = EventLogMemory.makeDatabase()
  readonly #sockets = new Map<Link, OpenSocket>()
  #present: Incarnation | undefined
  #restored = 0
  /** Whether the storage fails no more. */
  isHealed = false

  constructor(options: HostOptions) {
    this.#options = options
  }

  /** What is stored. */
  get stored(): EventLogMemory.StoredLog | undefined {
    return this.#database.get(STORE_ID)
  }

  accept(link: Link): boolean {
    const session = { connectionId: `c${link.id}`, storeId: STORE_ID, headers: {} }
    const socket: OpenSocket = { session, state: undefined, connection: undefined }
    this.#sockets.set(link, socket)
    this.#handle(link, (server, incarnation) =>
      // The start of the server may have taken it on already.
      socket.connection === undefined
        ? server.connect(this.#connect(link, socket, incarnation))
        : Effect.void
    )
    return true
  }

  receive(link: Link, text: string): void {
    if (!this.#sockets.has(link)) return
    // The platform answers it, and wakes nobody.
    if (text === Frame.PING_TEXT) return link.send(Frame.PONG_TEXT)
    this.#handle(link, (server) => {
      const connection = this.#sockets.get(link)?.connection
      return connection === undefined ? Effect.void : server.receive(connection, text)
    })
  }

  closed(link: Link): void {
    const connection = this.#sockets.get(link)?.connection
    this.#sockets.delete(link)
    if (connection === undefined || this.#present === undefined) return
    this.#handle(link, (server) => server.disconnect(connection))
  }

  /** The object leaves memory, if nothing is under way, and its sockets stay. */
  sleep(): void {
    const present = this.#present
    if (present === undefined || present.busy > 0) return
    this.#options.trace("server sleeps")
    this.#end(present)
    for (const socket of this.#sockets.values()) socket.connection = undefined
  }

  /** The object is gone, whatever it was doing. `breakAll`: its sockets are, too. */
  crash(breakAll: () => void): void {
    this.#options.trace("server crashes")
    if (this.#present !== undefined) this.#end(this.#present)
    this.#sockets.clear()
    breakAll()
  }

  /**
   * The database goes back to a time before the events after a position, under whatever runs. `anew`: an
   * operator gives the log a new backendId afterwards.
   */
  restore(last: number, anew: boolean): void {
    const { stored } = this
    if (stored === undefined) return
    const kept = stored.events.filter(({ seqNum }) => seqNum <= last).length
    this.#options.trace(`the log is restored to ${last}${anew ? ", with a new backendId" : ""}`)
    stored.events.splice(kept)
    stored.entries.splice(kept)
    if (anew) {
      const backendId = `restored-${this.#restored++}`
      this.#database.set(STORE_ID, { ...stored, backendId })
    }
  }

  #end(incarnation: Incarnation): void {
    incarnation.isDead = true
    this.#present = undefined
    if (incarnation.busy === 0) this.#options.fork(Scope.close(incarnation.scope, Exit.void))
  }

  /** Does something with the server, started for it if need be. */
  #handle(
    link: Link | undefined,
    use: (server: SyncServer.SyncServerService, incarnation: Incarnation) => Effect.Effect<void>
  ): void {
    // Its log is no more, and it has closed all connections.
    if (this.#present?.server?.isReplaced() === true) this.#end(this.#present)
    const incarnation = this.#present ?? this.#start()
    incarnation.busy += 1
    this.#options.fork(
      Deferred.await(incarnation.started).pipe(
        Effect.flatMap((server) => (incarnation.isDead ? Effect.void : use(server, incarnation))),
        Effect.catchTag("StorageError", () =>
          Effect.sync(() => {
            if (link === undefined || !this.#sockets.delete(link)) return
            link.close(TRY_AGAIN_LATER, "the store cannot be opened just now")
          })
        ),
        Effect.ensuring(
          Effect.sync(() => {
            incarnation.busy -= 1
          })
        )
      )
    )
  }

  #start(): Incarnation {
    const incarnation: Incarnation = {
      started: Deferred.unsafeMake(FiberId.none),
      scope: Effect.runSync(Scope.make()),
      server: undefined,
      isDead: false,
      busy: 0
    }
    this.#present = incarnation
    this.#options.trace("server starts")
    this.#options.fork(
      this.#build(incarnation).pipe(
        Effect.tap((server) => {
          incarnation.server = server
          return Effect.forEach(
            [...this.#sockets].filter(([, { connection }]) => connection === undefined),
            ([link, socket]) => {
              const { state } = socket
              const connection = this.#connect(link, socket, incarnation)
              return server.connect(connection, state)
            },
            { discard: true }
          )
        }),
        Effect.tapError(() =>
          Effect.sync(() => {
            if (this.#present === incarnation) this.#present = undefined
          })
        ),
        Effect.exit,
        Effect.flatMap((exit) => Deferred.done(incarnation.started, exit))
      )
    )
    return incarnation
  }

  #build(incarnation: Incarnation) {
    const { time } = this.#options
    const wakeBy = (at: number) => {
      if (!Number.isFinite(at)) return
      time.after(at - time.clock.unsafeCurrentTimeMillis(), () =>
        this.#handle(undefined, (server) => Effect.map(server.closeDue, wakeBy))
      )
    }
    const open = EventLogMemory.makeIn(this.#database, STORE_ID).pipe(
      Effect.map((log) => this.#options.sabotage?.(log) ?? log),
      Effect.map((log) => this.#unreliable(log, incarnation))
    )
    const layer = SyncServer.layer.pipe(
      Layer.provide(Layer.effect(EventLog.EventLog, this.#call(incarnation, "open", open))),
      Layer.provide(SyncHooks.layerNone),
      Layer.provide(Layer.succeed(Alarm.Alarm, { wakeBy }))
    )
    return Effect.map(Layer.buildWithScope(layer, incarnation.scope), (context) =>
      Context.get(context, SyncServer.SyncServer)
    )
  }

  #connect(link: Link, socket: OpenSocket, incarnation: Incarnation): Connection.Connection {
    const connection: Connection.Connection = {
      session: socket.session,
      send: (text) => {
        if (!incarnation.isDead) link.send(text)
      },
      close: (code, reason) => {
        if (incarnation.isDead) return
        this.#sockets.delete(link)
        link.close(code, reason)
      },
      save: (state) => {
        if (!incarnation.isDead) socket.state = structuredClone(state)
      }
    }
    socket.connection = connection
    return connection
  }

  #unreliable(log: EventLog.EventLogService, incarnation: Incarnation): EventLog.EventLogService {
    const call = <A, E>(name: string, run: Effect.Effect<A, E>) =>
      this.#call(incarnation, name, run)
    return {
      ...log,
      head: call("head", log.head),
      append: (batch) => call("append", log.append(batch)),
      read: (after, size) => call("read", log.read(after, size)),
      readPage: (after, size) => call("readPage", log.readPage(after, size)),
      createdAt: (seqNum) => call("createdAt", log.createdAt(seqNum))
    }
  }

  /** A call of the storage: it takes its time, and may fail before it did its work or after. */
  #call<A, E>(incarnation: Incarnation, name: string, run: Effect.Effect<A, E>) {
    const { chance, trace } = this.#options
    const way = Effect.suspend(() => Effect.sleep(chance.between(0, 20)))
    const mayFail = (when: string) =>
      Effect.suspend(() => {
        if (this.isHealed || !chance.happens(0.02)) return Effect.void
        trace(`storage fails ${when} it did ${name}`)
        return new EventLog.StorageError({ operation: name, cause: new Error(when) })
      })
    /** What a dead server had asked for may still be done; it hears nothing of it. */
    const ifAlive = Effect.suspend(() => (incarnation.isDead ? nothingMore : Effect.void))
    return way.pipe(
      Effect.zipRight(
        Effect.suspend(() =>
          incarnation.isDead && chance.happens(0.5) ? nothingMore : Effect.void
        )
      ),
      Effect.zipRight(mayFail("before")),
      Effect.zipRight(run),
      Effect.zipLeft(way),
      Effect.zipLeft(ifAlive),
      Effect.zipLeft(mayFail("after"))
    )
  }
}

/** As `Effect.never`, without the real timer that keeps a process alive. */
const nothingMore = Effect.async<never>(() => {})
