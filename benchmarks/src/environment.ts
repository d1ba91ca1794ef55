/**
 * Where and with what a run was made.
 */
import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { cpus, loadavg, release, totalmem, type } from "node:os"
import type { Result } from "./Result.ts"

const require = createRequire(import.meta.url)
const requireFromWrangler = createRequire(require.resolve("wrangler/package.json"))

const versionOf = (file: string): string => {
  const { version }: { version: string } = JSON.parse(readFileSync(file, "utf8"))
  return version
}

export const machine = (): Result["machine"] => ({
  cpu: cpus()[0]?.model ?? "unknown",
  cores: cpus().length,
  memoryGb: Math.round(totalmem() / 2 ** 30),
  os: `${type()} ${release()}`,
  load: Math.round((loadavg()[0] ?? 0) * 100) / 100
})

export const versions = (): Result["versions"] => ({
  node: process.versions.node,
  wrangler: versionOf(require.resolve("wrangler/package.json")),
  workerd: versionOf(requireFromWrangler.resolve("workerd/package.json")),
  effect: versionOf(require.resolve("effect/package.json")),
  // Its package.json is not exported.
  "@livestore/sync-cf": versionOf(
    require.resolve("@livestore/sync-cf/cf-worker").replace(/dist\/.*$/, "package.json")
  ),
  "@tidelog/sync-worker": versionOf(require.resolve("@tidelog/sync-worker/package.json"))
})

/** The commit that was measured, with a `+` if the tree had changes. */
export const commit = (): string => {
  try {
    return execFileSync("git", ["describe", "--always", "--abbrev=10", "--dirty=+"], {
      cwd: import.meta.dirname,
      encoding: "utf8"
    }).trim()
  } catch {
    return "unknown"
  }
}
