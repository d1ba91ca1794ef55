/** The README's snippets are programs: all of them compile, as strictly as the package does. */
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import * as ts from "typescript"
import { expect, it } from "vitest"

const root = fileURLToPath(new URL("..", import.meta.url))

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8")

const snippets = Array.from(
  readme.matchAll(/^```(tsx?)\n(.*?)^```$/gms),
  ([, kind = "ts", code = ""], index) => ({
    code,
    // Beside the tests, so that it finds what they find.
    path: `${root}test/readme-${index}.${kind}`,
    line: readme.slice(0, readme.indexOf(code)).split("\n").length
  })
)

/** What a snippet takes from the app. */
const app = new Map([
  [
    `${root}test/schema.ts`,
    `import type { LiveStoreSchema } from "@livestore/common/schema"
     export declare const schema: LiveStoreSchema`
  ]
])

it("[CLIENT-1] every snippet compiles", () => {
  expect(snippets.length).toBeGreaterThan(6)
  const configPath = `${root}tsconfig.test.json`
  const { config } = ts.readConfigFile(configPath, (file) => ts.sys.readFile(file))
  const options: ts.CompilerOptions = {
    ...ts.parseJsonConfigFileContent(config, ts.sys, root, undefined, configPath).options,
    noEmit: true,
    incremental: false,
    noUnusedLocals: false,
    jsx: ts.JsxEmit.ReactJSX
  }
  delete options.tsBuildInfoFile
  const host = ts.createCompilerHost(options)
  const find = (path: string) =>
    app.get(path) ?? snippets.find((snippet) => snippet.path === path)?.code
  const program = ts.createProgram(
    snippets.map(({ path }) => path),
    options,
    {
      ...host,
      fileExists: (path) => find(path) !== undefined || host.fileExists(path),
      readFile: (path) => find(path) ?? host.readFile(path),
      getSourceFile: (path, ...rest) => {
        const code = find(path)
        return code === undefined
          ? host.getSourceFile(path, ...rest)
          : ts.createSourceFile(path, code, rest[0])
      }
    }
  )
  const problems = snippets.flatMap(({ line, path }) => {
    const file = program.getSourceFile(path)
    return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)].map(
      ({ messageText, start = 0 }) => {
        const place = file?.getLineAndCharacterOfPosition(start).line ?? 0
        return `README.md:${line + place}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`
      }
    )
  })
  expect(problems).toEqual([])
}, 60_000)
