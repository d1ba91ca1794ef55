import { events, type Todo } from "../livestore/schema.ts"
import { useAppStore } from "../livestore/store.ts"
import { filters, useFilter } from "../page/useFilter.ts"
import { TodoItem } from "./TodoItem.tsx"

/** The todos that the filter shows, and the arrow that completes or reopens all of them. */
export const TodoList = ({ todos }: { readonly todos: ReadonlyArray<Todo> }) => {
  const store = useAppStore()
  const { shows } = filters[useFilter()]
  const allCompleted = todos.every((todo) => todo.completed)

  const toggleAll = () => {
    const change = allCompleted ? events.todoReopened : events.todoCompleted
    store.commit(
      ...todos.filter((todo) => todo.completed === allCompleted).map(({ id }) => change({ id }))
    )
  }

  return (
    <main className="main">
      <input
        checked={allCompleted}
        className="toggle-all"
        id="toggle-all"
        onChange={toggleAll}
        type="checkbox"
      />
      <label htmlFor="toggle-all">Mark all as complete</label>
      <ul aria-label="Todos" className="todo-list">
        {todos.filter(shows).map((todo) => (
          <TodoItem key={todo.id} todo={todo} />
        ))}
      </ul>
    </main>
  )
}
