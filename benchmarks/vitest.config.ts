import { configDefaults, defineConfig } from "vitest/config"
import { sharedTest } from "../vitest.shared.ts"

/** What takes minutes has a command of its own: `pnpm test:slow`. */
const slow = ["test/client.test.ts"]

export default defineConfig({
  test: {
    ...sharedTest("benchmarks"),
    exclude: [...configDefaults.exclude, ...(process.env["SLOW"] === undefined ? slow : [])],
    testTimeout: 120_000,
    hookTimeout: 120_000
  }
})
