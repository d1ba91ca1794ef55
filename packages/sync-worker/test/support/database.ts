import { Miniflare } from "miniflare"
import { afterAll } from "vitest"

/** A real D1 database in workerd, one for each test file. */
export const startDatabase = async () => {
  const miniflare = new Miniflare({
    modules: true,
    script: "export default { fetch: () => new Response() }",
    compatibilityDate: "2026-07-30",
    d1Databases: ["DB"]
  })
  afterAll(() => miniflare.dispose())
  return miniflare.getD1Database("DB")
}
