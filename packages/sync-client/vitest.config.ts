import { defineConfig } from "vitest/config"
import { sharedTest } from "../../vitest.shared.ts"

export default defineConfig({
  test: {
    ...sharedTest("sync-client"),
    // No test waits for real time, but each step of the test clock costs some on a busy machine.
    testTimeout: 30_000
  }
})
