/** Each test that `docs/compatibility.md` names is there, as a test and not only as a text. */
import { readFileSync } from "node:fs"
import ts from "typescript"
import { expect, it } from "vitest"

const root = new URL("../../../", import.meta.url)

const rows = Array.from(
  readFileSync(new URL("docs/compatibility.md", root), "utf8").matchAll(
    /^\|.*\| `([\w-]+\/(?:test|src\/testing)\/\S+)`: "(.+)" +\|$/gm
  ),
  ([, file = "", test = ""]) => ({ file, test })
)

/** A suite is a package's or one of its own. The contract of a log is a package's source. */
const read = (file: string): string => {
  for (const folder of ["packages/", "tests/", ""]) {
    try {
      return readFileSync(new URL(folder + file, root), "utf8")
    } catch {
      // It is in another one.
    }
  }
  return ""
}

/** What declares a test, or a group of them, whatever stands behind its name: `it.effect.each(…)`, `testServer(…)`. */
const declares = /^(?:describe|it|test[A-Z]?\w*)$/

const nameOf = (callee: ts.Expression): string => {
  if (ts.isIdentifier(callee)) return callee.text
  return ts.isCallExpression(callee) || ts.isPropertyAccessExpression(callee)
    ? nameOf(callee.expression)
    : ""
}

/** The titles of a file's tests, as they are written, without the rules that they cite. */
const titlesOf = (file: string): ReadonlyArray<string> => {
  const titles: Array<string> = []
  const visit = (node: ts.Node) => {
    if (ts.isCallExpression(node) && declares.test(nameOf(node.expression))) {
      const [title] = node.arguments
      if (
        title !== undefined
        && (ts.isStringLiteralLike(title) || ts.isTemplateExpression(title))
      ) {
        titles.push(
          title
            .getText()
            .slice(1, -1)
            .replace(/^(?:\[[A-Z]+-\d+\])+ /, "")
        )
      }
    }
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile(file, read(file), ts.ScriptTarget.Latest, true))
  return titles
}

it("every row of the compatibility table names a test", () => {
  const table = readFileSync(new URL("docs/compatibility.md", root), "utf8")
    .split("\n")
    .filter((line) => /^\| (?!The official|-)/.test(line))
  expect(rows.length).toBe(table.length)
  expect(rows.length).toBeGreaterThan(40)
})

it("what a comment says is no test", () => {
  // it("such as this", () => {})
  expect(titlesOf("interop/test/compatibility.test.ts")).toEqual([
    "every row of the compatibility table names a test",
    "what a comment says is no test",
    "$file has: $test"
  ])
})

it.each(rows)("$file has: $test", ({ file, test }) => {
  expect(titlesOf(file).filter((title) => title.includes(test))).not.toEqual([])
})
