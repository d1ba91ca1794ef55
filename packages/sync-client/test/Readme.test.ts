/** The README's snippets are programs: all of them compile, as strictly as the package does. */
import { fileURLToPath } from "node:url"
import { expect, it } from "vitest"
import { problemsOf, snippetsOf } from "../../../readme.shared.ts"

const root = fileURLToPath(new URL("..", import.meta.url))

/** What snippets take from the app, and from a worker's platform, whose types are not those of a page. */
const app = new Map([
  [
    `${root}test/schema.ts`,
    `import type { LiveStoreSchema } from "@livestore/common/schema"
     export declare const schema: LiveStoreSchema`
  ],
  [
    `${root}test/cloudflare.d.ts`,
    `interface Env {
       readonly SYNC_BACKEND_DO: import("@cloudflare/workers-types").DurableObjectNamespace<
         import("@cloudflare/workers-types").Rpc.DurableObjectBranded & { rpc(call: Uint8Array): Promise<Uint8Array> }
       >
     }
     declare module "cloudflare:workers" {
       export abstract class DurableObject<Env> {
         protected readonly ctx: import("@cloudflare/workers-types").DurableObjectState
         protected readonly env: Env
       }
     }`
  ]
])

it("[CLIENT-1] every snippet compiles", () => {
  const snippets = snippetsOf(root)
  expect(snippets.length).toBeGreaterThan(6)
  expect(problemsOf(root, "tsconfig.test.json", snippets, app)).toEqual([])
}, 60_000)
