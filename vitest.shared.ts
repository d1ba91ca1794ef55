/**
 * The test settings that every package shares.
 *
 * A run leaves its results in `test-results/<name>.json`, which `.ci/run` adds up.
 */
export const sharedTest = (name: string) => ({
  include: ["test/**/*.test.ts"],
  reporters: ["default", "json"],
  outputFile: { json: `test-results/${name}.json` }
})
