// Adds up what a test run left behind and prints, as its last line, "N passed, N failed".
//
//   node scripts/test-summary.mjs test=0 lint=0 check=1
//
// Each argument is a step and its exit code. `test` is the run of all suites, counted test by
// test from each package's `test-results/<package>.json`; every other step counts as one. The
// exit code is 1 if anything failed, if a suite left no results, or if nothing was tested.
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { basename, join } from "node:path"

const readJson = (path) => JSON.parse(readFileSync(path, "utf8"))

/** What a run wrote, or nothing if it ended before it could. */
const readReport = (path) => {
  try {
    return readJson(path)
  } catch {
    return undefined
  }
}

/** The folders of the workspace's packages that have tests. */
const testedPackages = () =>
  Array.from(readFileSync("pnpm-workspace.yaml", "utf8").matchAll(/^ {2}- (\w+)(\/\*)?$/gm))
    .flatMap(([, folder, all]) => {
      if (all === undefined) return [folder]
      return existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : []
    })
    .filter((folder) => existsSync(join(folder, "package.json")))
    .filter((folder) => readJson(join(folder, "package.json")).scripts?.test !== undefined)

/** What one package's run came to. A file that fails to load has no tests, and is one failure. */
const countPackage = (folder) => {
  const report = readReport(join(folder, "test-results", `${basename(folder)}.json`))
  if (report === undefined) return { passed: 0, failed: 1, note: "left no results" }
  const brokenFiles = report.testResults.filter(
    (file) =>
      file.status === "failed" && file.assertionResults.every((test) => test.status !== "failed")
  )
  const failed = report.numFailedTests + brokenFiles.length
  return {
    passed: report.numPassedTests,
    failed: failed === 0 && !report.success ? 1 : failed
  }
}

let passed = 0
let failed = 0
const add = (name, count) => {
  passed += count.passed
  failed += count.failed
  console.log(
    `${name}: ${count.passed} passed, ${count.failed} failed${count.note ? ` (${count.note})` : ""}`
  )
}

for (const argument of process.argv.slice(2)) {
  const [step, exitCode] = argument.split("=")
  if (step !== "test") {
    add(step, exitCode === "0" ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 })
    continue
  }
  for (const folder of testedPackages()) add(folder, countPackage(folder))
  if (passed === 0) add("tests", { passed: 0, failed: 1, note: "nothing was tested" })
  if (exitCode !== "0" && failed === 0) {
    add("tests", { passed: 0, failed: 1, note: `exit code ${exitCode}` })
  }
}

console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 && passed > 0 ? 0 : 1
