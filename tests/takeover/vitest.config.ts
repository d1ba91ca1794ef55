import { defineConfig } from "vitest/config"
import { sharedTest } from "../../vitest.shared.ts"

export default defineConfig({
  test: { ...sharedTest("takeover"), testTimeout: 120_000, hookTimeout: 180_000 }
})
