import { useState } from "react"
import { events, type Todo } from "../livestore/schema.ts"
import { useAppStore } from "../livestore/store.ts"
import { EditField } from "./EditField.tsx"

/** One line of the list: shown, or being edited. */
export const TodoItem = ({ todo }: { readonly todo: Todo }) => {
  const store = useAppStore()
  const [editing, setEditing] = useState(false)

  const remove = () => store.commit(events.todoDeleted({ id: todo.id }))

  const toggle = () =>
    store.commit(
      todo.completed ? events.todoReopened({ id: todo.id }) : events.todoCompleted({ id: todo.id })
    )

  const save = (text: string) => {
    setEditing(false)
    if (text === "") remove()
    else if (text !== todo.text) store.commit(events.todoTextChanged({ id: todo.id, text }))
  }

  const className = [todo.completed && "completed", editing && "editing"].filter(Boolean).join(" ")
  return (
    <li className={className} data-id={todo.id} data-testid="todo">
      <div className="view">
        <input
          aria-label={`Completed: ${todo.text}`}
          checked={todo.completed}
          className="toggle"
          onChange={toggle}
          type="checkbox"
        />
        <label data-testid="todo-text" onDoubleClick={() => setEditing(true)}>
          {todo.text}
        </label>
        <button
          aria-label={`Delete ${todo.text}`}
          className="destroy"
          onClick={remove}
          type="button"
        />
      </div>
      {editing && (
        <EditField
          label={`Edit ${todo.text}`}
          onCancel={() => setEditing(false)}
          onSave={save}
          text={todo.text}
        />
      )}
    </li>
  )
}
