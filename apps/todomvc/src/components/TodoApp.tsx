import { allTodos$ } from "../livestore/queries.ts"
import { useAppStore } from "../livestore/store.ts"
import { ListFooter } from "./ListFooter.tsx"
import { NewTodo } from "./NewTodo.tsx"
import { TodoList } from "./TodoList.tsx"

/** The list itself. */
export const TodoApp = () => {
  const store = useAppStore()
  const todos = store.useQuery(allTodos$)
  // Synced with LiveStore's worker, that is: written to this browser's storage.
  const { isSynced: saved } = store.useSyncStatus()
  return (
    <section aria-label="Todos" className="todoapp" data-saved={saved} data-testid="todoapp">
      <header className="header">
        <h1>todos</h1>
        <NewTodo />
      </header>
      {todos.length > 0 && (
        <>
          <TodoList todos={todos} />
          <ListFooter todos={todos} />
        </>
      )}
    </section>
  )
}
