import { createRequire } from "node:module"
import { dirname, join } from "node:path"

const require = createRequire(import.meta.url)

/** The folder of the app under test. */
export const appFolder = dirname(require.resolve("@tidelog/todomvc/package.json"))

/** Where the page and the worker are when a developer runs them, and so where a built page looks. */
export const appPorts = { page: 5173, worker: 8787 } as const

/** The script of a tool that runs with Node: `file` within the package `name`. */
export const binOf = (name: string, file: string) =>
  join(dirname(require.resolve(`${name}/package.json`)), file)
