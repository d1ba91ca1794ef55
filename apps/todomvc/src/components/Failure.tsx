import { toStringUnknown } from "effect/Inspectable"
import { Component, type ReactNode } from "react"

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
        This list could not be opened.{" "}
        {error instanceof Error ? error.message : toStringUnknown(error)}
      </p>
    )
  }
}
