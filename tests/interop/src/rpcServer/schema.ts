/** Notes, each with an id and nothing else. */
import { Events, makeSchema, Schema, State } from "@livestore/livestore"

const notes = State.SQLite.table({
  name: "notes",
  columns: { id: State.SQLite.text({ primaryKey: true }) }
})

export const tables = { notes }

export const events = {
  noteAdded: Events.synced({ name: "v1.NoteAdded", schema: Schema.Struct({ id: Schema.String }) })
}

const materializers = State.SQLite.materializers(events, {
  "v1.NoteAdded": ({ id }) => notes.insert({ id })
})

export const schema = makeSchema({
  events,
  state: State.SQLite.makeState({ tables, materializers })
})
