import { type KeyboardEvent, useState } from "react"

interface EditFieldProps {
  readonly label: string
  readonly text: string
  /** Given the trimmed text, on Enter or when the field is left. */
  readonly onSave: (text: string) => void
  /** On Escape. */
  readonly onCancel: () => void
}

/** The field that takes a todo's place while its text is changed. */
export const EditField = ({ label, onCancel, onSave, text }: EditFieldProps) => {
  const [draft, setDraft] = useState(text)

  const onKeyDown = (event: KeyboardEvent) => {
    // Enter that confirms an input method's suggestion is not meant for us.
    if (event.key === "Enter" && !event.nativeEvent.isComposing) onSave(draft.trim())
    else if (event.key === "Escape") onCancel()
  }

  return (
    <input
      aria-label={label}
      autoFocus
      className="edit"
      onBlur={() => onSave(draft.trim())}
      onChange={(event) => setDraft(event.target.value)}
      onKeyDown={onKeyDown}
      value={draft}
    />
  )
}
