import { layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { expect } from "vitest"
import { Devices } from "../src/Devices.ts"
import * as EventRow from "../src/EventRow.ts"
import { eventually } from "../src/eventually.ts"
import { open, says, shows } from "../src/expectations.ts"
import { harness } from "./harness.ts"

layer(harness, { excludeTestServices: true })("a wrong token", (it) => {
  it.scoped(
    "[HAND-5][CLIENT-6] lets nothing in or out, and the page says that it was refused",
    () =>
      Effect.gen(function* () {
        const devices = yield* Devices
        const member = yield* devices.make
        const stranger = yield* devices.make
        yield* member.page.open("guarded")
        yield* member.page.add("secret")
        yield* says(member.page, "Online")

        yield* stranger.page.open("guarded", "wrong-token")
        yield* says(stranger.page, "Refused")
        const { text } = yield* stranger.page.status
        expect(text).toContain("authToken")
        // The token itself is never repeated.
        expect(text).not.toContain("wrong-token")

        yield* stranger.page.add("intruder")
        yield* shows(stranger.page, open("intruder"))

        // A later event of the member has made its way: the stranger's had at least as long.
        yield* member.page.add("after")
        const log = yield* eventually(
          "the server has what the member added",
          EventRow.read("guarded"),
          (log) => log.at(-1)?.args.text === "after"
        )
        expect(log.map((row) => row.args.text)).toEqual(["secret", "after"])
        yield* shows(member.page, open("secret"), open("after"))
        yield* shows(stranger.page, open("intruder"))
        yield* says(stranger.page, "Refused")
      })
  )
})
