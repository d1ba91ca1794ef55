import { defineConfig } from "vitest/config"
import { sharedTest } from "../../vitest.shared.ts"

export default defineConfig({
  test: { ...sharedTest("livestore"), testTimeout: 180_000, hookTimeout: 120_000 }
})
