/**
 * The test settings that every package shares.
 *
 * A run leaves its results in `test-results/<name>.json`, which `.ci/run` adds up.
 */
export const sharedTest = (name: string) => ({
  include: ["test/**/*.test.ts"],
  // No test waits for real time longer than it has to, but a busy machine makes each step cost some.
  testTimeout: 30_000,
  reporters: ["default", "json"],
  outputFile: { json: `test-results/${name}.json` }
})
