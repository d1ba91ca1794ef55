/**
 * A LiveStore store of todos in this process, as an app for Node has one.
 */
import { makeAdapter } from "@livestore/adapter-node"
import {
  createStorePromise,
  Events,
  makeSchema,
  makeShutdownDeferred,
  queryDb,
  Schema,
  State,
  StoreInternalsSymbol
} from "@livestore/livestore"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as LogLevel from "effect/LogLevel"
import * as Stream from "effect/Stream"
import type { MakeBackend } from "./backends.ts"

const todos = State.SQLite.table({
  name: "todos",
  columns: {
    id: State.SQLite.text({ primaryKey: true }),
    text: State.SQLite.text()
  }
})

const todoCreated = Events.synced({
  name: "v1.TodoCreated",
  schema: Schema.Struct({ id: Schema.String, text: Schema.String })
})

const events = { todoCreated }

const schema = makeSchema({
  events,
  state: State.SQLite.makeState({
    tables: { todos },
    materializers: State.SQLite.materializers(events, {
      // LiveStore 0.4.0 may apply an event twice when it rebases while others are committed.
      "v1.TodoCreated": ({ id, text }) => todos.insert({ id, text }).onConflict("id", "ignore")
    })
  })
})

const count$ = queryDb(todos.count(), { label: "count" })

export interface Todo {
  readonly id: string
  readonly text: string
}

/** Where the leader stands: the server's last event that it has, and what it has not pushed yet. */
export interface LeaderState {
  readonly upstreamHead: number
  readonly pending: number
  readonly rebaseGeneration: number
}

/** Opens an empty store, in memory; the leader is in this thread too. */
export const open = async (options: {
  readonly storeId: string
  readonly clientId: string
  readonly backend: MakeBackend
}) => {
  const shutdown = await Effect.runPromise(makeShutdownDeferred)
  const store = await createStorePromise({
    schema,
    shutdownDeferred: shutdown,
    storeId: options.storeId,
    adapter: makeAdapter({
      storage: { type: "in-memory" },
      clientId: options.clientId,
      sync: { backend: options.backend, onSyncError: "shutdown" }
    }),
    batchUpdates: (run) => run(),
    disableDevtools: true,
    logLevel: LogLevel.Error
  })
  const { leaderThread } = store[StoreInternalsSymbol].clientSession

  /** Follows the leader until the function is called that is returned. */
  const follow = (note: (state: LeaderState) => void) => {
    const fiber = leaderThread.syncState.changes.pipe(
      Stream.runForEach(({ localHead, pending, upstreamHead }) =>
        Effect.sync(() =>
          note({
            upstreamHead: upstreamHead.global,
            pending: pending.length,
            rebaseGeneration: localHead.rebaseGeneration
          })
        )
      ),
      Effect.runFork
    )
    return () => Effect.runPromise(Fiber.interrupt(fiber))
  }

  return {
    /** Why it has ended, once it has. */
    ended: Effect.runPromise(
      Effect.map(Effect.exit(Deferred.await(shutdown)), (exit) =>
        Exit.isFailure(exit) ? Cause.pretty(exit.cause) : `it was shut down: ${exit.value.reason}`
      )
    ),
    /** Adds a todo. */
    add: (todo: Todo) => store.commit(todoCreated(todo)),
    follow,
    /** Waits until the table shows so many todos, and the leader has all of them from the server. */
    has: async (count: number): Promise<void> => {
      const done = Promise.withResolvers<void>()
      const shown = Promise.withResolvers<void>()
      const unsubscribe = store.subscribe(count$, (shownNow) => {
        if (shownNow >= count) shown.resolve()
      })
      const leave = follow(({ pending, upstreamHead }) => {
        if (pending === 0 && upstreamHead >= count) done.resolve()
      })
      await Promise.all([done.promise, shown.promise])
      unsubscribe()
      await leave()
    },
    /** The todos, in the order in which their rows were written. */
    todos: (): ReadonlyArray<Todo> =>
      store.query({ query: "SELECT id, text FROM todos ORDER BY rowid", bindValues: {} }),
    close: () => store.shutdownPromise()
  }
}
