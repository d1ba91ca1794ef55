// Builds the workers of this workspace as they would be deployed, and prints their size: what is
// uploaded, and what of it counts against the platform's limit, gzipped. Fails if a worker cannot
// be built, or if its README states another size: "N kB gzipped", to within 3 %.
//
//   node scripts/bundle-size.mjs
import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gzipSync } from "node:zlib"

/** The workers, and where it is told how large they are. */
const WORKERS = {
  "apps/todomvc": ["apps/todomvc/README.md", "packages/sync-worker/README.md"],
  "examples/signed-cookie": ["examples/signed-cookie/README.md"]
}

const kB = (bytes) => `${(bytes / 1_000).toFixed(1)} kB`

/** What is deployed, as text. */
const bundle = (folder) => {
  const outdir = mkdtempSync(join(tmpdir(), "tidelog-size-"))
  try {
    execFileSync("node_modules/.bin/wrangler", ["deploy", "--dry-run", "--outdir", outdir], {
      cwd: folder,
      stdio: ["ignore", "ignore", "inherit"],
      env: { ...process.env, CLOUDFLARE_CF_FETCH_ENABLED: "false", WRANGLER_SEND_METRICS: "false" }
    })
    return readFileSync(join(outdir, "index.js"))
  } finally {
    rmSync(outdir, { recursive: true, force: true })
  }
}

for (const [folder, readmes] of Object.entries(WORKERS)) {
  const script = bundle(folder)
  const gzipped = gzipSync(script).length
  process.stdout.write(`${folder}: ${kB(script.length)}, gzipped ${kB(gzipped)}\n`)
  for (const readme of readmes) {
    const stated = Number(/(\d+) kB gzipped/.exec(readFileSync(readme, "utf8"))?.[1]) * 1_000
    if (Math.abs(stated - gzipped) <= 0.03 * gzipped) continue
    process.stderr.write(`${readme} should state ${Math.round(gzipped / 1_000)} kB gzipped\n`)
    process.exitCode = 1
  }
}
