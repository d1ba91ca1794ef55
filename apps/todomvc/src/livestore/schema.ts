import { Events, makeSchema, Schema, State } from "@livestore/livestore"

const todos = State.SQLite.table({
  name: "todos",
  columns: {
    id: State.SQLite.text({ primaryKey: true }),
    text: State.SQLite.text(),
    completed: State.SQLite.boolean({ default: false }),
    createdAt: State.SQLite.integer()
  }
})

export const tables = { todos }

export type Todo = typeof todos.Type

/**
 * What people do to a list. Each event names the todos its author saw, so that an action taken
 * offline never reaches a todo that someone else added meanwhile.
 */
export const events = {
  todoCreated: Events.synced({
    name: "v1.TodoCreated",
    schema: Schema.Struct({ id: Schema.String, text: Schema.String, createdAt: Schema.Int })
  }),
  todoTextChanged: Events.synced({
    name: "v1.TodoTextChanged",
    schema: Schema.Struct({ id: Schema.String, text: Schema.String })
  }),
  todoCompleted: Events.synced({
    name: "v1.TodoCompleted",
    schema: Schema.Struct({ id: Schema.String })
  }),
  todoReopened: Events.synced({
    name: "v1.TodoReopened",
    schema: Schema.Struct({ id: Schema.String })
  }),
  todoDeleted: Events.synced({
    name: "v1.TodoDeleted",
    schema: Schema.Struct({ id: Schema.String })
  }),
  /** Clears `id` only if it is still completed when the event takes its place in the log. */
  todoCleared: Events.synced({
    name: "v1.TodoCleared",
    schema: Schema.Struct({ id: Schema.String })
  })
}

const materializers = State.SQLite.materializers(events, {
  "v1.TodoCreated": ({ createdAt, id, text }) =>
    todos.insert({ id, text, createdAt, completed: false }),
  "v1.TodoTextChanged": ({ id, text }) => todos.update({ text }).where({ id }),
  "v1.TodoCompleted": ({ id }) => todos.update({ completed: true }).where({ id }),
  "v1.TodoReopened": ({ id }) => todos.update({ completed: false }).where({ id }),
  "v1.TodoDeleted": ({ id }) => todos.delete().where({ id }),
  "v1.TodoCleared": ({ id }) => todos.delete().where({ id, completed: true })
})

export const schema = makeSchema({
  events,
  state: State.SQLite.makeState({ tables, materializers })
})
