/** What the package gives, and under which paths: without LiveStore everything but its adapter can be had. */
import { readFileSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, it } from "vitest"

const root = fileURLToPath(new URL("..", import.meta.url))
const read = (path: string) => readFileSync(join(root, path), "utf8")

const { exports, publishConfig }: Manifest = JSON.parse(read("package.json"))

interface Manifest {
  readonly exports: Readonly<Record<string, string>>
  readonly publishConfig: {
    readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>
  }
}

/** The packages that a module brings along, itself or by others, for its types too. */
const packagesOf = (path: string, seen = new Set<string>()): ReadonlySet<string> => {
  const packages = new Set<string>()
  if (seen.has(path)) return packages
  seen.add(path)
  for (const [, imported = ""] of read(path).matchAll(/(?:^| )from "([^"]+)"$/gm)) {
    if (!imported.startsWith(".")) packages.add(imported)
    else {
      const next = resolve("/", dirname(path), imported).slice(1)
      for (const name of packagesOf(next, seen)) packages.add(name)
    }
  }
  return packages
}

it("each module that the index names has a path of its own, that needs no LiveStore", () => {
  const named = Array.from(
    read("src/index.ts").matchAll(/^export \* as (\w+)/gm),
    ([, name]) => name
  )
  expect(named).toEqual(expect.arrayContaining(["Backoff", "Credentials", "Device", "Timings"]))
  for (const name of named) {
    expect(exports[`./${name}`]).toBe(`./src/${name}.ts`)
    const packages = [...packagesOf(`src/${name}.ts`)]
    expect(packages.filter((name) => name.startsWith("@livestore/"))).toEqual([])
  }
  // The look into the imports sees something.
  expect(packagesOf("src/index.ts")).toContain("@livestore/common")
  expect(packagesOf("src/SyncClient.ts")).toContain("@effect/platform/Socket")
})

it("what is published has the same paths", () => {
  const published = Object.fromEntries(
    Object.entries(exports).map(([path, source]) => {
      const built = source.replace("./src/", "./dist/").replace(/\.ts$/, "")
      return [path, source === built ? source : { types: `${built}.d.ts`, default: `${built}.js` }]
    })
  )
  expect(publishConfig.exports).toEqual(published)
})
