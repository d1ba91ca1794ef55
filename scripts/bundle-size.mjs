// Builds the workers of this workspace as they would be deployed, and prints their size: what is
// uploaded, and what of it counts against the platform's limit, gzipped.
//
//   node scripts/bundle-size.mjs
import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gzipSync } from "node:zlib"

const WORKERS = ["apps/todomvc", "examples/signed-cookie"]

const kB = (bytes) => `${(bytes / 1_000).toFixed(1)} kB`

for (const folder of WORKERS) {
  const outdir = mkdtempSync(join(tmpdir(), "tidelog-size-"))
  try {
    execFileSync("node_modules/.bin/wrangler", ["deploy", "--dry-run", "--outdir", outdir], {
      cwd: folder,
      stdio: ["ignore", "ignore", "inherit"],
      env: { ...process.env, CLOUDFLARE_CF_FETCH_ENABLED: "false", WRANGLER_SEND_METRICS: "false" }
    })
    const script = readFileSync(join(outdir, "index.js"))
    process.stdout.write(
      `${folder}: ${kB(script.length)}, gzipped ${kB(gzipSync(script).length)}\n`
    )
  } finally {
    rmSync(outdir, { recursive: true, force: true })
  }
}
