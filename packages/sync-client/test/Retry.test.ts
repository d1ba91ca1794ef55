/** What follows the end of a connection, case by case. */
import { describe, expect, it } from "@effect/vitest"
import * as Retry from "../src/Retry.ts"

const LOST = 1006
const UNAUTHORIZED = 4401
const FORBIDDEN = 4403
const RESTART = 1012

const attempts = (some: Partial<Retry.Attempts> = {}): Retry.Attempts => ({
  ...Retry.none,
  ...some
})

const after = (before: Partial<Retry.Attempts>, ended: Partial<Retry.Ended>) =>
  Retry.after(attempts(before), { worked: "no", code: LOST, canRenew: true, changes: 0, ...ended })

/** The steps after connections that end one after another. */
const steps = (first: Partial<Retry.Attempts>, ends: ReadonlyArray<Partial<Retry.Ended>>) => {
  let before = attempts(first)
  return ends.map((ended) => {
    const { attempts, next } = after(before, ended)
    before = attempts
    return next
  })
}

describe("what was lost", () => {
  it.each<readonly [string, Partial<Retry.Attempts>, Partial<Retry.Ended>, Retry.Next]>([
    ["the first time, and never answered", {}, {}, "BackOff"],
    ["after it had lasted", {}, { worked: "lasted" }, "AtOnce"],
    ["after it had lasted, and failures before", { failures: 7 }, { worked: "lasted" }, "AtOnce"],
    ["after it had answered", {}, { worked: "answered" }, "AtOnce"],
    ["after it had answered, once more", { failures: 1 }, { worked: "answered" }, "BackOff"],
    ["by a close of the server", {}, { worked: "lasted", code: RESTART }, "Spread"],
    ["by a close of the server, young", {}, { worked: "answered", code: RESTART }, "Spread"],
    ["by a close of the server, unused", {}, { code: RESTART }, "BackOff"]
  ])("[CLIENT-1] is tried again: %s", (_, before, ended, next) => {
    expect(after(before, ended).next).toBe(next)
  })

  it("[CLIENT-1] counts its failures until a connection has lasted", () => {
    const failed = after({ failures: 3 }, {}).attempts
    expect(failed).toEqual(attempts({ failures: 4 }))
    expect(after(failed, { worked: "answered" }).attempts.failures).toBe(5)
    expect(after(failed, { worked: "lasted" }).attempts.failures).toBe(0)
  })

  it.each<readonly [string, Partial<Retry.Ended>, boolean]>([
    ["nothing", {}, false],
    ["a connection that answered", { worked: "answered" }, false],
    ["a connection that lasted", { worked: "lasted" }, true],
    ["a change of the network", { changes: 1 }, true]
  ])("[CLIENT-1][CLIENT-15] after %s the waits begin anew, or not", (_, ended, isReset) => {
    expect(after({ failures: 3 }, ended).isReset).toBe(isReset)
  })

  it("[CLIENT-15] a change counts once", () => {
    const changed = after({ failures: 3 }, { changes: 1 })
    expect(changed.attempts.changes).toBe(1)
    expect(after(changed.attempts, { changes: 1 }).isReset).toBe(false)
  })
})

describe("a refusal", () => {
  it.each<readonly [string, Partial<Retry.Attempts>, Partial<Retry.Ended>, Retry.Next]>([
    ["of who was never let in", {}, { code: UNAUTHORIZED }, "Refused"],
    ["of who is let in", {}, { code: UNAUTHORIZED, worked: "answered" }, "Renew"],
    ["of who was let in before", { isAdmitted: true }, { code: UNAUTHORIZED }, "Renew"],
    [
      "of who has the same payload always",
      { isAdmitted: true },
      { code: UNAUTHORIZED, canRenew: false },
      "Refused"
    ],
    ["of what is not allowed", { isAdmitted: true }, { code: FORBIDDEN }, "Refused"]
  ])("[CLIENT-6][CLIENT-13] stands, or its payload is made anew: %s", (_, before, ended, next) => {
    expect(after(before, ended).next).toBe(next)
  })

  it("[CLIENT-13] stands after six payloads, counted until a connection has lasted", () => {
    const refused = { code: UNAUTHORIZED }
    const six = Array.from({ length: 6 }, () => refused)
    expect(steps({ isAdmitted: true }, [...six, refused])).toEqual([
      ...six.map(() => "Renew"),
      "Refused"
    ])
    const between = [...six, {}, { worked: "answered" }, refused] as const
    expect(steps({ isAdmitted: true }, between).at(-1)).toBe("Refused")
    const lasted = [...six, { worked: "lasted" }, ...six, refused] as const
    expect(steps({ isAdmitted: true }, lasted).slice(-2)).toEqual(["Renew", "Refused"])
  })

  it("[CLIENT-13] its waits are those of its own, and it is no failure", () => {
    const renewing = after({ failures: 3, isAdmitted: true }, { code: UNAUTHORIZED })
    expect(renewing).toMatchObject({ attempts: { failures: 0, renewals: 1 }, isReset: true })
    expect(after(renewing.attempts, { code: UNAUTHORIZED }).isReset).toBe(false)
  })

  it("[CLIENT-6] that stands leaves nothing of before", () => {
    const before = { failures: 3, renewals: 2, isAdmitted: true }
    const { attempts: left, isReset } = after(before, { code: FORBIDDEN, changes: 4 })
    expect([left, isReset]).toEqual([attempts({ changes: 4 }), true])
    expect(after(left, { code: UNAUTHORIZED, changes: 4 }).next).toBe("Refused")
  })
})
