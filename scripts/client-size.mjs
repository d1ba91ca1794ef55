// What the client adds to an app: the worker bundle of the TodoMVC app, minified, with this project's client less
// the same without any, gzipped; and the same for LiveStore's official client. Fails if it is over the limit, or if
// the client's README states another size: "adds N kB", to within 3 %. What is loaded by `import()` when it is
// needed does not count.
//
//   node scripts/client-size.mjs
import { readFileSync } from "node:fs"
import { gzipSync } from "node:zlib"
import { build } from "esbuild"

const LIMIT = 13_700
const LAZY = "./HttpFallback.ts"
const README = "packages/sync-client/README.md"

const worker = (imports, options) => `
  import { makeWorker } from "@livestore/adapter-web/worker"
  import { schema } from "./src/livestore/schema.ts"
  ${imports}
  makeWorker({ schema, ${options} })
`

const sizeOf = async (contents, nodePaths = []) => {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: "apps/todomvc", loader: "ts" },
    bundle: true,
    minify: true,
    write: false,
    outdir: "out",
    format: "esm",
    platform: "browser",
    target: "es2022",
    conditions: ["browser"],
    loader: { ".wasm": "empty" },
    nodePaths,
    external: [LAZY],
    logLevel: "error"
  })
  return gzipSync(outputFiles[0].contents, { level: 9 }).length
}

const kB = (bytes) => `${(bytes / 1_000).toFixed(1)} kB`

const without = await sizeOf(worker("", ""))
const added =
  (await sizeOf(
    worker(
      `import { makeCfSync } from "@tidelog/sync-client"`,
      `sync: { backend: makeCfSync({ url: "wss://sync.example.com" }) }`
    )
  )) - without
const officialAdds =
  (await sizeOf(
    worker(
      `import { makeWsSync } from "@livestore/sync-cf/client"`,
      `sync: { backend: makeWsSync({ url: "wss://sync.example.com" }) }`
    ),
    ["tests/interop/node_modules"]
  )) - without

process.stdout.write(
  `what the client adds to an app, gzipped: ${kB(added)}; the official client: ${kB(officialAdds)}\n`
)
if (added > LIMIT) {
  process.stderr.write(`the client may add ${kB(LIMIT)}\n`)
  process.exitCode = 1
}
const stated = Number(/adds (\d+(?:\.\d+)?) kB/.exec(readFileSync(README, "utf8"))?.[1]) * 1_000
if (!(Math.abs(stated - added) <= 0.03 * added)) {
  process.stderr.write(`${README} should state: adds ${kB(added)}\n`)
  process.exitCode = 1
}
