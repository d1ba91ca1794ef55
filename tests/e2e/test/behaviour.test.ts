import { layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { expect } from "vitest"
import { appPorts } from "../src/app.ts"
import { Devices } from "../src/Devices.ts"
import { done, open, shows } from "../src/expectations.ts"
import { attempt } from "../src/HarnessError.ts"
import { harness } from "./harness.ts"

layer(harness, { excludeTestServices: true })("the page is TodoMVC", (it) => {
  it.scoped("gives a page without a store id one of its own, in its URL and its link", () =>
    Effect.gen(function* () {
      const { page } = yield* Effect.flatMap(Devices, ({ make }) => make)
      yield* page.open("")
      const id = new URL(page.tab.url()).searchParams.get("storeId")
      expect(id).toMatch(/^[a-z0-9]{16}$/)
      const link = yield* attempt("reading the link", () =>
        page.tab.getByTestId("share-link").getAttribute("href")
      )
      expect(new URL(link ?? "").search).toBe(`?storeId=${id}`)
    })
  )

  it.scoped("says what is wrong with a store id that no list can have", () =>
    Effect.gen(function* () {
      const { page } = yield* Effect.flatMap(Devices, ({ make }) => make)
      const failureOf = (storeId: string) =>
        attempt("opening the page", async () => {
          const query = new URLSearchParams({ storeId })
          await page.tab.goto(`http://localhost:${appPorts.page}/?${query}`)
          return page.tab.getByTestId("failure").textContent()
        })
      expect(yield* failureOf("a".repeat(257))).toBe(
        "This list could not be opened. The storeId in its URL is longer than 256 characters."
      )
      // That one is LiveStore's own to refuse.
      expect(yield* failureOf("a/b ü✓")).toBe(
        "This list could not be opened. Invalid storeId: a/b ü✓. Only alphanumeric characters, underscores, and hyphens are allowed."
      )
    })
  )

  it.scoped("adds trimmed text, ignores empty text, and hides the footer of an empty list", () =>
    Effect.gen(function* () {
      const { page } = yield* Effect.flatMap(Devices, ({ make }) => make)
      yield* page.open("adding")
      const footer = page.tab.locator(".footer")
      expect(yield* attempt("counting footers", () => footer.count())).toBe(0)

      yield* page.add("   ")
      yield* page.add("  milk  ")
      yield* shows(page, open("milk"))
      expect(yield* page.count).toBe("1 item left")

      yield* page.add("bread")
      yield* shows(page, open("milk"), open("bread"))
      expect(yield* page.count).toBe("2 items left")

      yield* page.remove("milk")
      yield* page.remove("bread")
      yield* shows(page)
      expect(yield* attempt("counting footers", () => footer.count())).toBe(0)
    })
  )

  it.scoped(
    "saves an edit on Enter and on blur, drops it on Escape, and deletes what was emptied",
    () =>
      Effect.gen(function* () {
        const { page } = yield* Effect.flatMap(Devices, ({ make }) => make)
        yield* page.open("editing")
        yield* page.add("one")
        yield* page.add("two")

        yield* page.edit("one", "  first  ", "Enter")
        yield* shows(page, open("first"), open("two"))
        yield* page.edit("first", "1", "blur")
        yield* shows(page, open("1"), open("two"))
        yield* page.edit("two", "other", "Escape")
        yield* shows(page, open("1"), open("two"))
        yield* page.edit("1", "  ", "Enter")
        yield* shows(page, open("two"))
      })
  )

  it.scoped("toggles one and all, filters by the URL's hash, and clears what is completed", () =>
    Effect.gen(function* () {
      const { page } = yield* Effect.flatMap(Devices, ({ make }) => make)
      yield* page.open("toggling")
      yield* page.add("one")
      yield* page.add("two")
      yield* page.add("three")
      yield* page.toggle("two")
      yield* shows(page, open("one"), done("two"), open("three"))

      yield* page.choose("Active")
      yield* shows(page, open("one"), open("three"))
      expect(new URL(page.tab.url()).hash).toBe("#/active")
      yield* page.choose("Completed")
      yield* shows(page, done("two"))
      yield* attempt("going back", () => page.tab.goBack())
      yield* shows(page, open("one"), open("three"))
      yield* page.choose("All")

      yield* page.toggleAll
      yield* shows(page, done("one"), done("two"), done("three"))
      expect(yield* page.count).toBe("0 items left")
      yield* page.toggleAll
      yield* shows(page, open("one"), open("two"), open("three"))

      yield* page.toggle("one")
      yield* page.toggle("three")
      yield* page.clearCompleted
      yield* shows(page, open("two"))
    })
  )
})
