import { layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Devices } from "../src/Devices.ts"
import { open, says, shows } from "../src/expectations.ts"
import * as Harness from "../src/Harness.ts"
import * as PageServer from "../src/PageServer.ts"

layer(Harness.layer(PageServer.layerDev), { excludeTestServices: true })(
  "the dev server of a fresh clone",
  (it) => {
    it.scoped("opens a list at the first visit, and it syncs", () =>
      Effect.gen(function* () {
        const devices = yield* Devices
        const a = yield* devices.make
        const b = yield* devices.make
        yield* a.page.open("dev")
        yield* a.page.add("milk")
        yield* says(a.page, "Online")
        yield* b.page.open("dev")
        yield* shows(b.page, open("milk"))
      })
    )
  }
)
