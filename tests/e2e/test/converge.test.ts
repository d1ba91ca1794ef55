import { layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { expect } from "vitest"
import { Devices } from "../src/Devices.ts"
import { agree, done, open, says, shows, tells } from "../src/expectations.ts"
import { harness } from "./harness.ts"

layer(harness, { excludeTestServices: true })("two browsers on one link", (it) => {
  it.scoped("[PULL-1] show each other's todos as they are added, edited and completed", () =>
    Effect.gen(function* () {
      const devices = yield* Devices
      const a = yield* devices.make
      const b = yield* devices.make
      yield* a.page.open("live")
      yield* b.page.open("live")

      yield* a.page.add("milk")
      yield* a.page.add("bread")
      yield* shows(b.page, open("milk"), open("bread"))

      yield* a.page.edit("milk", "oat milk")
      yield* a.page.toggle("bread")
      yield* shows(b.page, open("oat milk"), done("bread"))

      yield* b.page.remove("oat milk")
      yield* b.page.add("tea")
      yield* shows(a.page, done("bread"), open("tea"))
      yield* shows(b.page, done("bread"), open("tea"))
    })
  )

  it.scoped(
    "[CLIENT-3][CLIENT-17][PUSH-5] edited apart and offline, end with one list in which nothing is lost",
    () =>
      Effect.gen(function* () {
        const devices = yield* Devices
        const a = yield* devices.make
        const b = yield* devices.make
        yield* a.page.open("apart")
        yield* b.page.open("apart")
        yield* a.page.add("milk")
        yield* a.page.add("bread")
        yield* shows(b.page, open("milk"), open("bread"))

        yield* Effect.all([a.unplug, b.unplug])
        yield* says(a.page, "Offline", "Waiting")
        yield* says(b.page, "Offline", "Waiting")

        yield* a.page.edit("milk", "oat milk")
        yield* a.page.add("from a")
        yield* b.page.toggle("bread")
        yield* b.page.add("from b")
        yield* b.page.add("also from b")
        yield* shows(a.page, open("oat milk"), open("bread"), open("from a"))
        yield* shows(b.page, open("milk"), done("bread"), open("from b"), open("also from b"))
        yield* tells(a.page, "2 changes waiting")
        yield* tells(b.page, "3 changes waiting")

        yield* Effect.all([a.plugIn, b.plugIn])
        yield* says(a.page, "Online")
        yield* says(b.page, "Online")
        const lines = yield* agree(a.page, b.page, 5)
        expect(lines).toEqual(
          expect.arrayContaining([
            open("oat milk"),
            done("bread"),
            open("from a"),
            open("from b"),
            open("also from b")
          ])
        )
      })
  )
})
