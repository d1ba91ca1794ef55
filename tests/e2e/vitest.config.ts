import { defineConfig } from "vitest/config"
import { sharedTest } from "../../vitest.shared.ts"

export default defineConfig({
  test: {
    ...sharedTest("e2e"),
    // Browsers, a bundler and a worker at once fill a small machine: one suite at a time.
    fileParallelism: false,
    globalSetup: "test/globalSetup.ts",
    testTimeout: 180_000,
    hookTimeout: 180_000
  }
})
