import { createRequire } from "node:module"
import { dirname } from "node:path"

/** The folder of the app under test. */
export const appFolder = dirname(
  createRequire(import.meta.url).resolve("@tidelog/todomvc/package.json")
)

/** Where the page and the worker are when a developer runs them, and so where a built page looks. */
export const appPorts = { page: 5173, worker: 8787 } as const
