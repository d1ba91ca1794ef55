/**
 * The snippets of a package's README, and what TypeScript has against them: for the tests of every package.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import * as ts from "typescript"

export interface Snippet {
  readonly code: string
  /** Beside the package's tests, where no such file is: it finds what they find. */
  readonly path: string
  /** Where it begins in the README. */
  readonly line: number
}

/** The TypeScript of the README in `folder`, in its order. */
export const snippetsOf = (folder: string): ReadonlyArray<Snippet> => {
  const readme = readFileSync(join(folder, "README.md"), "utf8")
  return Array.from(readme.matchAll(/^```(tsx?)\n(.*?)^```$/gms), (match, index) => {
    const [, kind = "ts", code = ""] = match
    return {
      code,
      path: join(folder, `test/readme-${index}.${kind}`),
      // The line after the fence.
      line: readme.slice(0, match.index).split("\n").length + 1
    }
  })
}

/**
 * What is wrong with snippets, each with its line, under the options of the package's `project`. `given`: other
 * files that are not there, and that snippets build on, by their paths.
 */
export const problemsOf = (
  folder: string,
  project: string,
  snippets: ReadonlyArray<Snippet>,
  given: ReadonlyMap<string, string> = new Map()
): ReadonlyArray<string> => {
  const configPath = join(folder, project)
  const { config } = ts.readConfigFile(configPath, (file) => ts.sys.readFile(file))
  const options: ts.CompilerOptions = {
    ...ts.parseJsonConfigFileContent(config, ts.sys, folder, undefined, configPath).options,
    noEmit: true,
    incremental: false,
    noUnusedLocals: false,
    jsx: ts.JsxEmit.ReactJSX
  }
  delete options.tsBuildInfoFile
  const host = ts.createCompilerHost(options)
  const find = (path: string) =>
    given.get(path) ?? snippets.find((snippet) => snippet.path === path)?.code
  const program = ts.createProgram(
    [...given.keys(), ...snippets.map(({ path }) => path)],
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
  return snippets.flatMap(({ line, path }) => {
    const file = program.getSourceFile(path)
    return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)].map(
      ({ messageText, start = 0 }) => {
        const place = file?.getLineAndCharacterOfPosition(start).line ?? 0
        return `README.md:${line + place}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`
      }
    )
  })
}
