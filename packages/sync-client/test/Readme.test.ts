/** The README's snippets are programs: all of them compile, as strictly as the package does. */
import { fileURLToPath } from "node:url"
import { expect, it } from "vitest"
import { problemsOf, snippetsOf } from "../../../readme.shared.ts"

const root = fileURLToPath(new URL("..", import.meta.url))

/** What a snippet takes from the app. */
const app = new Map([
  [
    `${root}test/schema.ts`,
    `import type { LiveStoreSchema } from "@livestore/common/schema"
     export declare const schema: LiveStoreSchema`
  ]
])

it("[CLIENT-1] every snippet compiles", () => {
  const snippets = snippetsOf(root)
  expect(snippets.length).toBeGreaterThan(6)
  expect(problemsOf(root, "tsconfig.test.json", snippets, app)).toEqual([])
}, 60_000)
