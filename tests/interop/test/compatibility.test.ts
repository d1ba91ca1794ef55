/** Each test that `docs/compatibility.md` names is there. */
import { readFileSync } from "node:fs"
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

it("every row of the compatibility table names a test", () => {
  const table = readFileSync(new URL("docs/compatibility.md", root), "utf8")
    .split("\n")
    .filter((line) => /^\| (?!The official|-)/.test(line))
  expect(rows.length).toBe(table.length)
  expect(rows.length).toBeGreaterThan(40)
})

it.each(rows)("$file has: $test", ({ file, test }) => {
  expect(read(file).includes(test)).toBe(true)
})
