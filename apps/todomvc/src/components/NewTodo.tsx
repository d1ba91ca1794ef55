import { type KeyboardEvent, useState } from "react"
import { allTodos$ } from "../livestore/queries.ts"
import { events } from "../livestore/schema.ts"
import { useAppStore } from "../livestore/store.ts"

/** The field that a new todo is typed into. */
export const NewTodo = () => {
  const store = useAppStore()
  const [text, setText] = useState("")

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || event.nativeEvent.isComposing) return
    const trimmed = text.trim()
    if (trimmed === "") return
    // Later than every todo its author sees, whatever the clocks say: a new one always comes last.
    const latest = store.query(allTodos$).at(-1)?.createdAt ?? 0
    const createdAt = Math.max(Date.now(), latest + 1)
    store.commit(events.todoCreated({ id: crypto.randomUUID(), text: trimmed, createdAt }))
    setText("")
  }

  return (
    <input
      aria-label="New todo"
      autoFocus
      className="new-todo"
      data-testid="new-todo"
      onChange={(event) => setText(event.target.value)}
      onKeyDown={onKeyDown}
      placeholder="What needs to be done?"
      value={text}
    />
  )
}
