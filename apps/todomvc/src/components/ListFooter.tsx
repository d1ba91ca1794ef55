import { events, type Todo } from "../livestore/schema.ts"
import { useAppStore } from "../livestore/store.ts"
import { filterNames, filters, useFilter } from "../page/useFilter.ts"

/** How many are left, the filters, and the button that clears what is done. */
export const ListFooter = ({ todos }: { readonly todos: ReadonlyArray<Todo> }) => {
  const store = useAppStore()
  const selected = useFilter()
  const completed = todos.filter((todo) => todo.completed)
  const left = todos.length - completed.length

  return (
    <footer className="footer">
      <span aria-live="polite" className="todo-count" data-testid="todo-count">
        <strong>{left}</strong> {left === 1 ? "item" : "items"} left
      </span>
      <ul aria-label="Filters" className="filters">
        {filterNames.map((name) => (
          <li key={name}>
            <a
              aria-current={name === selected ? "page" : undefined}
              className={name === selected ? "selected" : undefined}
              href={filters[name].href}
            >
              {filters[name].label}
            </a>
          </li>
        ))}
      </ul>
      {completed.length > 0 && (
        <button
          className="clear-completed"
          onClick={() => store.commit(...completed.map(({ id }) => events.todoCleared({ id })))}
          type="button"
        >
          Clear completed
        </button>
      )}
    </footer>
  )
}
