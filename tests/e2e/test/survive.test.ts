import { layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { expect } from "vitest"
import { Devices } from "../src/Devices.ts"
import * as EventRow from "../src/EventRow.ts"
import { eventually } from "../src/eventually.ts"
import { done, open, says, shows } from "../src/expectations.ts"
import { Wrangler } from "../src/Wrangler.ts"
import { harness } from "./harness.ts"

layer(harness, { excludeTestServices: true })("what is typed survives", (it) => {
  it.scoped("[CLIENT-5] a reload without a network, and what is added then arrives later", () =>
    Effect.gen(function* () {
      const devices = yield* Devices
      const a = yield* devices.make
      yield* a.page.open("reload")
      yield* a.page.add("milk")
      yield* a.page.add("bread")
      yield* a.page.toggle("milk")
      yield* a.page.saved
      yield* a.page.kept

      yield* a.unplug
      yield* a.page.reload
      yield* shows(a.page, done("milk"), open("bread"))
      yield* a.page.add("typed offline")
      yield* shows(a.page, done("milk"), open("bread"), open("typed offline"))
      yield* a.page.saved
      yield* a.page.reload
      yield* shows(a.page, done("milk"), open("bread"), open("typed offline"))

      yield* a.plugIn
      yield* says(a.page, "Online")
      const b = yield* devices.make
      yield* b.page.open("reload")
      yield* shows(b.page, done("milk"), open("bread"), open("typed offline"))
    })
  )

  it.scoped(
    "[CLIENT-1][PUSH-2] a worker that is killed while both are connected, and started again on its state",
    () =>
      Effect.gen(function* () {
        const devices = yield* Devices
        const wrangler = yield* Wrangler
        const a = yield* devices.make
        const b = yield* devices.make
        yield* a.page.open("killed")
        yield* b.page.open("killed")
        yield* a.page.add("before, from a")
        yield* shows(b.page, open("before, from a"))
        yield* b.page.add("before, from b")
        yield* shows(a.page, open("before, from a"), open("before, from b"))

        yield* wrangler.kill
        yield* says(a.page, "Waiting", "Connecting")
        yield* says(b.page, "Waiting", "Connecting")
        yield* a.page.add("while it was down")
        yield* shows(
          a.page,
          open("before, from a"),
          open("before, from b"),
          open("while it was down")
        )

        yield* wrangler.start
        yield* says(a.page, "Online")
        yield* says(b.page, "Online")
        yield* shows(
          b.page,
          open("before, from a"),
          open("before, from b"),
          open("while it was down")
        )
        yield* b.page.toggle("while it was down")
        yield* shows(
          a.page,
          open("before, from a"),
          open("before, from b"),
          done("while it was down")
        )

        // The echo that A just saw was sent after the event was stored: the log is complete now.
        const log = yield* EventRow.read("killed")
        expect(log.map((row) => [row.name, row.args.text])).toEqual([
          ["v1.TodoCreated", "before, from a"],
          ["v1.TodoCreated", "before, from b"],
          ["v1.TodoCreated", "while it was down"],
          ["v1.TodoCompleted", undefined]
        ])
        expect(log.map((row) => [row.parentSeqNum, row.seqNum])).toEqual([
          [0, 1],
          [1, 2],
          [2, 3],
          [3, 4]
        ])
        expect(log[3]?.args.id).toBe(log[2]?.args.id)
        expect(new Set(log.map((row) => row.args.id)).size).toBe(3)
      })
  )

  it.scoped(
    "[PULL-7] a server that lost its log is believed: the page opens anew, and syncs again",
    () =>
      Effect.gen(function* () {
        const devices = yield* Devices
        const wrangler = yield* Wrangler
        const a = yield* devices.make
        yield* a.page.open("lost")
        yield* a.page.add("of the lost log")
        yield* says(a.page, "Online")
        yield* eventually("the server has it", EventRow.read("lost"), (log) => log.length === 1)

        yield* wrangler.forget
        yield* wrangler.start
        yield* shows(a.page)
        yield* a.page.add("of the new log")
        const b = yield* devices.make
        yield* b.page.open("lost")
        yield* shows(b.page, open("of the new log"))
        yield* shows(a.page, open("of the new log"))
      })
  )
})
