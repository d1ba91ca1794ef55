/** What the official backend has left in a store's object, in workerd. That it does leave this: `tests/takeover`. */
import { expect, it, onTestFinished } from "vitest"
import { accepted } from "./support/frames.ts"
import { context, tableWith } from "./support/official.ts"
import type { Left } from "./support/official.ts"
import { startServer } from "./support/server.ts"
import { events, WireClient } from "./support/WireClient.ts"

// Eviction is by class, and here there are three.
const server = await startServer("./takeoverWorker.ts", {
  durableObjects: { D1: "SyncBackendDO", SQLITE: "SqliteDO", PLAIN: "PlainDO" },
  withoutSqlite: ["PlainDO"]
})

const database = await server.miniflare.getD1Database("DB")

type Objects = "D1" | "SQLITE" | "PLAIN"

const leave = async (objects: Objects, storeId: string, left: Left) => {
  const url = new URL(`${objects}/leave`, server.url)
  url.searchParams.set("storeId", storeId)
  const response = await fetch(url, { method: "POST", body: JSON.stringify(left) })
  expect(await response.text()).toBe("left")
}

const leaveInD1 = async (storeId: string, upTo: number) => {
  for (const sql of tableWith(storeId, upTo)) await database.exec(sql)
}

const connect = async (objects: Objects, storeId: string) => {
  const client = await WireClient.connect(`${server.url}${objects}`, storeId)
  onTestFinished(() => client.close())
  return client
}

/** A store as a new client finds it. */
const find = async (objects: Objects, storeId: string) => {
  const client = await connect(objects, storeId)
  client.send(client.pullFrame("1", { live: false }))
  await client.exit("1")
  return { backendId: client.backendId(), seqNums: client.seqNums("1") }
}

/** Why a store is not opened: what its client is told, and the log. */
const putOff = async (objects: Objects, storeId: string) => {
  const before = server.lines.length
  const client = await connect(objects, storeId)
  expect(await client.closed).toEqual({
    code: 1013,
    reason: "the store cannot be opened just now"
  })
  return server.lines
    .slice(before)
    .filter((line) => line.includes(storeId))
    .join("\n")
}

it("[TAKE-1] head and backendId are those of the object's own row", async () => {
  await leaveInD1("With-Others", 3)
  await leave("D1", "With-Others", {
    statements: context(["another", 9, "theirs"], ["With-Others", 3, "ours"])
  })
  expect(await find("D1", "With-Others")).toEqual({ backendId: "ours", seqNums: [1, 2, 3] })
  const client = await connect("D1", "With-Others")
  client.send(client.pullFrame("1", { after: 2, backendId: "ours" }))
  await client.chunk("1")
  client.send(client.pushFrame("2", events(4), "ours"))
  expect(await client.exit("2")).toEqual(accepted)
  expect(client.seqNums("1")).toEqual([3, 4])
  expect(server.lines.filter((line) => line.includes("official log taken over"))).toMatchObject([
    expect.stringContaining(`"storeId":"With-Others"`)
  ])
})

it("[TAKE-4] a row of another store, left in the object, opens nothing", async () => {
  await leaveInD1("victim-1", 3)
  await leave("D1", "victim.1", { statements: context(["victim-1", 3, "theirs"]) })
  expect(await find("D1", "victim.1")).toMatchObject({ seqNums: [] })
  await leave("D1", "victim-1", { statements: context(["victim-1", 3, "theirs"]) })
  expect(await find("D1", "victim-1")).toEqual({ backendId: "theirs", seqNums: [1, 2, 3] })
  expect(await find("D1", "victim.1")).toMatchObject({ seqNums: [] })
})

it("[TAKE-5][TAKE-7] the second of two that share a table is put off, and the log says why", async () => {
  await leaveInD1("two-1", 3)
  await leave("D1", "two-1", { statements: context(["two-1", 3, "a"]) })
  await leave("D1", "two.1", { statements: context(["two.1", 2, "b"]) })
  expect(await find("D1", "two-1")).toEqual({ backendId: "a", seqNums: [1, 2, 3] })
  const log = await putOff("D1", "two.1")
  expect(log).toContain("TakeoverRefused")
  expect(log).toContain("was taken over by another store (two-1). Table: eventlog_7_two_1")
})

it("[TAKE-3][TAKE-4] a store that was wedged before its first push was answered needs a word of the app", async () => {
  for (const storeId of ["first-push", "known-first"]) {
    await leaveInD1(storeId, 14)
    await leave("D1", storeId, { statements: context([storeId, 0, "w"]) })
  }
  expect(await putOff("D1", "first-push")).toContain("does not prove")
  const seqNums = Array.from({ length: 14 }, (_, index) => index + 1)
  expect(await find("D1", "known-first")).toEqual({ backendId: "w", seqNums })
})

it("[TAKE-4] a store that is to leave its past alone starts empty", async () => {
  await leaveInD1("left-1", 2)
  await leave("D1", "left-1", { statements: context(["left-1", 2, "old"]) })
  const { backendId, seqNums } = await find("D1", "left-1")
  expect(seqNums).toEqual([])
  expect(backendId).not.toBe("old")
})

it("[TAKE-1][TAKE-4] a store of 0.3.1 needs a word of the app, and is given a backendId", async () => {
  for (const storeId of ["older-1", "known-2"]) {
    await leaveInD1(storeId, 2)
    await leave("D1", storeId, { currentHead: 2 })
  }
  expect(await putOff("D1", "older-1")).toContain("does not prove")
  expect(await find("D1", "known-2")).toEqual({
    backendId: expect.stringMatching(/^[0-9a-f]{32}$/),
    seqNums: [1, 2]
  })
})

it("[TAKE-1] a store of 0.3.1 whose class has no SQLite is found as well", async () => {
  await leaveInD1("known-3", 2)
  await leave("PLAIN", "known-3", { currentHead: 2 })
  expect(await find("PLAIN", "known-3")).toMatchObject({ seqNums: [1, 2] })
  expect(await find("PLAIN", "brand-new")).toMatchObject({ seqNums: [] })
})

it("[TAKE-1] 0.3.1's events are not lost where 0.4.0 ran over them, and counted from 0", async () => {
  await leaveInD1("known-4", 2)
  await leave("D1", "known-4", { currentHead: 2, statements: context(["known-4", 0, "later"]) })
  expect(await find("D1", "known-4")).toEqual({ backendId: "later", seqNums: [1, 2] })
})

it("[TAKE-1][TAKE-3] the object's own SQLite, wedged as it may be, is taken over as it is", async () => {
  await leave("SQLITE", "In-Object", {
    statements: [...tableWith("In-Object", 14), ...context(["In-Object", 0, "own"])]
  })
  const seqNums = Array.from({ length: 14 }, (_, index) => index + 1)
  expect(await find("SQLITE", "In-Object")).toEqual({ backendId: "own", seqNums })
})

it("[TAKE-6] a server that was told the wrong storage opens no store that has events elsewhere", async () => {
  await leave("D1", "other-way", {
    statements: [...tableWith("other-way", 2), ...context(["other-way", 2, "own"])]
  })
  expect(await putOff("D1", "other-way")).toContain("Is `storage` what it was?")
  // 0.3.1 kept a head alone.
  await leave("D1", "older-way", { currentHead: 2 })
  expect(await putOff("D1", "older-way")).toContain("Is `storage` what it was?")
  await leaveInD1("this-way", 2)
  await leave("SQLITE", "this-way", { statements: context(["this-way", 2, "own"]) })
  expect(await putOff("SQLITE", "this-way")).toContain("Is `storage` what it was?")
})
