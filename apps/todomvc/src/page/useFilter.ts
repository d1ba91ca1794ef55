import { useSyncExternalStore } from "react"
import type { Todo } from "../livestore/schema.ts"

export const filters = {
  all: { href: "#/", label: "All", shows: (_: Todo) => true },
  active: { href: "#/active", label: "Active", shows: (todo: Todo) => !todo.completed },
  completed: { href: "#/completed", label: "Completed", shows: (todo: Todo) => todo.completed }
} as const

export type Filter = keyof typeof filters

export const filterNames = ["all", "active", "completed"] as const satisfies ReadonlyArray<Filter>

const subscribe = (onChange: () => void) => {
  window.addEventListener("hashchange", onChange)
  return () => window.removeEventListener("hashchange", onChange)
}

const current = (): Filter => {
  // Both #/active and #active name the filter; anything else shows everything.
  const name = window.location.hash.replace(/^#\/?/, "")
  return name === "active" || name === "completed" ? name : "all"
}

/** The filter that the URL's hash names. */
export const useFilter = (): Filter => useSyncExternalStore(subscribe, current)
