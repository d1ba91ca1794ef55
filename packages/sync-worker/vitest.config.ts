import { defineConfig } from "vitest/config"
import { sharedTest } from "../../vitest.shared.ts"

export default defineConfig({
  // A process runs one file after another, and reads Effect and the sources once for all of them.
  test: { ...sharedTest("sync-worker"), isolate: false }
})
