import { isCause, squash } from "effect/Cause"
import { toStringUnknown } from "effect/Inspectable"
import { isTagged } from "effect/Predicate"
import { Component, type ReactNode } from "react"

/** What is wrong, in a sentence. The message of LiveStore's `UnknownError` is its fields, printed. */
const reasonOf = (error: unknown): string => {
  if (isCause(error)) return reasonOf(squash(error))
  if (isTagged(error, "UnknownError") && "cause" in error) return reasonOf(error.cause)
  return error instanceof Error ? error.message : toStringUnknown(error)
}

/** Shows why the list could not be opened, instead of an empty page. */
export class Failure extends Component<
  { readonly children: ReactNode },
  { readonly error?: unknown }
> {
  override state: { readonly error?: unknown } = {}

  static getDerivedStateFromError(error: unknown) {
    return { error }
  }

  override render() {
    const { error } = this.state
    if (error === undefined) return this.props.children
    return (
      <p className="failure" data-testid="failure" role="alert">
        This list could not be opened. {reasonOf(error)}
      </p>
    )
  }
}
