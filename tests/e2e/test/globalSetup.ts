import { FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { TestProject } from "vitest/node"
import * as PageServer from "../src/PageServer.ts"

declare module "vitest" {
  interface ProvidedContext {
    /** The page, built once for all suites. */
    readonly pageFolder: string
  }
}

export default async (project: TestProject) => {
  const scope = await Effect.runPromise(Scope.make())
  const build = Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    yield* fs.remove("test-results/wrangler", { recursive: true, force: true })
    const folder = yield* fs.makeTempDirectoryScoped({ prefix: "tidelog-page-" })
    yield* PageServer.buildInto(folder)
    return folder
  })
  project.provide(
    "pageFolder",
    await Effect.runPromise(build.pipe(Scope.extend(scope), Effect.provide(NodeContext.layer)))
  )
  return () => Effect.runPromise(Scope.close(scope, Exit.void))
}
