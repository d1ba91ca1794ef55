/** The README's snippet is a program: it compiles, as strictly as the package does. */
import { fileURLToPath } from "node:url"
import { expect, it } from "vitest"
import { problemsOf, snippetsOf } from "../../../readme.shared.ts"

const root = fileURLToPath(new URL("..", import.meta.url))

it("[COPY-4] the snippet compiles", () => {
  const snippets = snippetsOf(root)
  expect(snippets).toHaveLength(1)
  expect(problemsOf(root, "tsconfig.test.json", snippets)).toEqual([])
}, 60_000)
