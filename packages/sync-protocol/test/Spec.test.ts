/** The rules have one id each, and every test that cites a rule cites one that exists. */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "@effect/vitest"

const root = fileURLToPath(new URL("../../..", import.meta.url))
const spec = readFileSync(new URL("../SPEC.md", import.meta.url), "utf8")

const ID = /[A-Z]+-\d+/g

const rules = [...spec.matchAll(/^- \*\*([A-Z]+-\d+)\*\*/gm)].map((match) => match[1])

/** The folders whose tests cite rules: each package's `test`, its exported contracts, `tests`, and each example's. */
const testFolders = (): ReadonlyArray<string> =>
  [
    ...readdirSync(join(root, "packages")).flatMap((name) => [
      join(root, "packages", name, "test"),
      join(root, "packages", name, "src/testing")
    ]),
    ...readdirSync(join(root, "examples")).map((name) => join(root, "examples", name, "test")),
    join(root, "tests")
  ].filter((folder) => existsSync(folder))

const sources = (folder: string): ReadonlyArray<string> =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.name === "node_modules" || entry.name === "dist" || entry.name.startsWith(".")) {
      return []
    }
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return sources(path)
    return /\.[cm]?tsx?$/.test(entry.name) ? [path] : []
  })

/** `[PUSH-3]`, `[PUSH-3][PUSH-4]` or `[PUSH-3, PUSH-4]`. */
const cited = (text: string): ReadonlyArray<string> =>
  [...text.matchAll(/\[[A-Z]+-\d+(?:,\s*[A-Z]+-\d+)*\]/g)].flatMap(([ids]) => ids.match(ID) ?? [])

describe("SPEC.md", () => {
  it("has rules, each with an id of its own", () => {
    expect(rules.length).toBeGreaterThan(50)
    expect(rules.filter((id, index) => rules.indexOf(id) !== index)).toStrictEqual([])
  })

  it("numbers the rules of a section by one", () => {
    const groups = new Map<string, Array<number>>()
    for (const rule of rules) {
      const [group = "", number] = rule?.split("-") ?? []
      groups.set(group, [...(groups.get(group) ?? []), Number(number)])
    }
    for (const [group, numbers] of groups) {
      expect([group, numbers]).toStrictEqual([group, numbers.map((_, index) => index + 1)])
    }
  })

  it("refers to rules that exist", () => {
    const groups = new Set(rules.map((rule) => rule?.split("-")[0]))
    const known = new Set(rules)
    const references = (spec.match(ID) ?? []).filter((id) => groups.has(id.split("-")[0]))
    expect(references.filter((id) => !known.has(id))).toStrictEqual([])
  })

  it("has every rule that a test cites", () => {
    const known = new Set<string | undefined>(rules)
    const files = testFolders().flatMap(sources)
    const citations = files.flatMap((file) =>
      cited(readFileSync(file, "utf8")).map((id) => ({ file: relative(root, file), id }))
    )
    expect(citations.length).toBeGreaterThan(50)
    expect(citations.filter(({ id }) => !known.has(id))).toStrictEqual([])
  })

  it("has no rule that no test cites", () => {
    const citedIds = new Set(
      testFolders()
        .flatMap(sources)
        .flatMap((file) => cited(readFileSync(file, "utf8")))
    )
    expect(rules.filter((id) => id !== undefined && !citedIds.has(id))).toStrictEqual([])
  })
})
