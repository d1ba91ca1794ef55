import { describe, expect, it } from "@effect/vitest"
import * as Heartbeat from "../src/Heartbeat.ts"

describe("Heartbeat", () => {
  it("[CLIENT-2] silence is followed by a question, and that by a deadline", () => {
    const quiet = Heartbeat.heard(1_000)
    expect(Heartbeat.dueAt(quiet, 10_000)).toBe(11_000)
    const asked = Heartbeat.asked(quiet, 11_000, 5_000)
    expect(Heartbeat.dueAt(asked, 10_000)).toBe(16_000)
  })

  it("[CLIENT-2] another question shortens the deadline, and never moves it away", () => {
    const asked = Heartbeat.asked(Heartbeat.heard(0), 10_000, 5_000)
    expect(Heartbeat.dueAt(Heartbeat.asked(asked, 11_000, 2_000), 0)).toBe(13_000)
    expect(Heartbeat.dueAt(Heartbeat.asked(asked, 14_000, 2_000), 0)).toBe(15_000)
  })

  it("[CLIENT-2] a late timer is excused once, until something is heard", () => {
    const excused = Heartbeat.excused(Heartbeat.heard(0), 60_000, 2_000)
    expect(excused).toMatchObject({ _tag: "Asked", deadline: 62_000 })
    expect(excused && Heartbeat.excused(excused, 90_000, 2_000)).toBeUndefined()
    expect(Heartbeat.excused(Heartbeat.heard(91_000), 190_000, 2_000)).toBeDefined()
  })
})
