import { queryDb } from "@livestore/livestore"
import { tables } from "./schema.ts"

/**
 * Every todo, oldest first. The order comes from the events alone (`id` breaks ties), never from
 * row ids, which differ between clients that merged the same events at different moments.
 */
export const allTodos$ = queryDb(
  tables.todos.orderBy([
    { col: "createdAt", direction: "asc" },
    { col: "id", direction: "asc" }
  ]),
  { label: "allTodos" }
)
