/**
 * A LiveStore store of todos in this process, as an app for Node has one, and how its client stands: this project's,
 * or, with its `url` and nothing else, LiveStore's own.
 */
import { makeAdapter } from "@livestore/adapter-node"
import {
  createStorePromise,
  Events,
  makeSchema,
  makeShutdownDeferred,
  Schema,
  State
} from "@livestore/livestore"
import { makeWsSync } from "@livestore/sync-cf/client"
import { HarnessError } from "@tidelog/e2e/src/HarnessError.ts"
import { makeCfSync } from "@tidelog/sync-client"
import type { CfSyncOptions, SyncStatus } from "@tidelog/sync-client"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as LogLevel from "effect/LogLevel"
import type * as Scope from "effect/Scope"

const todos = State.SQLite.table({
  name: "todos",
  columns: { id: State.SQLite.text({ primaryKey: true }) }
})

const events = {
  created: Events.synced({ name: "v1.TodoCreated", schema: Schema.Struct({ id: Schema.String }) })
}

const schema = makeSchema({
  events,
  state: State.SQLite.makeState({
    tables: { todos },
    materializers: State.SQLite.materializers(events, {
      "v1.TodoCreated": ({ id }) => todos.insert({ id })
    })
  })
})

export interface TodoStore {
  /** Adds todos, in one commit. */
  readonly add: (...ids: ReadonlyArray<string>) => void
  /** The ids of all todos, sorted. */
  readonly ids: () => ReadonlyArray<string>
  /** How its client stands with the server. */
  readonly status: () => SyncStatus.SyncStatus
  /** Done with the reason for which LiveStore has ended it. */
  readonly ended: Effect.Effect<string>
}

/** Opens an empty store, in memory, for as long as the scope. */
export const open = (
  options: {
    readonly storeId: string
    readonly clientId: string
    readonly client?: "official" | undefined
    /** How often the official client pings, if not as often as it does by itself. */
    readonly pings?: Duration.DurationInput | undefined
  } & CfSyncOptions
): Effect.Effect<TodoStore, HarnessError, Scope.Scope> =>
  Effect.gen(function* () {
    const { client, clientId, pings, storeId, ...sync } = options
    let status: SyncStatus.SyncStatus | undefined
    const shutdownDeferred = yield* makeShutdownDeferred
    const store = yield* Effect.acquireRelease(
      Effect.tryPromise({
        try: () =>
          createStorePromise({
            schema,
            storeId,
            shutdownDeferred,
            adapter: makeAdapter({
              storage: { type: "in-memory" },
              clientId,
              sync: {
                backend:
                  client === "official"
                    ? makeWsSync({
                        url: `${sync.url}/websocket`,
                        ...(pings === undefined ? {} : { ping: { requestInterval: pings } })
                      })
                    : makeCfSync({
                        ...sync,
                        broadcastStatus: false,
                        onStatus: (next) => {
                          status = next
                        }
                      })
              }
            }),
            batchUpdates: (run) => run(),
            disableDevtools: true,
            logLevel: LogLevel.None
          }),
        catch: (cause) => new HarnessError({ message: "the store does not open", cause })
      }),
      (store) => Effect.ignore(Effect.tryPromise(() => store.shutdownPromise()))
    )
    return {
      add: (...ids) => store.commit(...ids.map((id) => events.created({ id }))),
      ids: () =>
        store
          .query<ReadonlyArray<{ readonly id: string }>>({
            query: "SELECT id FROM todos ORDER BY id",
            bindValues: {}
          })
          .map(({ id }) => id),
      status: () => {
        if (status === undefined) throw new Error("there is no status")
        return status
      },
      ended: Effect.orDie(Effect.map(Deferred.await(shutdownDeferred), ({ reason }) => reason))
    }
  })
