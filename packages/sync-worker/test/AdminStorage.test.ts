/** Looking after stores whose storage fails or has lost them, and what is left in it, in workerd. */
import { request } from "node:http"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import type { Message } from "@tidelog/sync-protocol"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { describe, expect, it, onTestFinished } from "vitest"
import { AdminClient } from "../src/admin/index.ts"
import { tableName } from "../src/StoreTable.ts"
import { accepted, failed, range } from "./support/frames.ts"
import { startServer } from "./support/server.ts"
import { events, WireClient } from "./support/WireClient.ts"

const SECRET = "correct horse battery staple"

const server = await startServer("./downWorker.ts", {
  bindings: { ADMIN_SECRET: SECRET },
  durableObjects: { WEBSOCKET_SERVER: "SyncBackendDO", SQLITE: "SqliteDO" }
})

const database = await server.miniflare.getD1Database("DB")

type Worker = "d1" | "sqlite"

const call = async (path: string, init: RequestInit = {}) => {
  const response = await fetch(new URL(path, server.url), {
    ...init,
    headers: { authorization: `Bearer ${SECRET}`, "content-type": "application/x-ndjson" }
  })
  return [response.status, await response.json()] as const
}

type Client = Effect.Effect.Success<ReturnType<typeof AdminClient.make>>

const script = <A, E>(f: (client: Client) => Effect.Effect<A, E>, worker: Worker = "d1") =>
  AdminClient.make({ url: `${server.url}${worker}`, secret: SECRET }).pipe(
    Effect.flatMap(f),
    Effect.provide(FetchHttpClient.layer),
    Effect.runPromise
  )

const path = (storeId: string) => ({ path: { storeId } })

const info = (storeId: string, worker?: Worker) =>
  script(({ stores }) => stores.info(path(storeId)), worker)

const renew = (storeId: string) => script(({ stores }) => stores.renew(path(storeId)))

const revoke = (storeId: string, identity: unknown, worker?: Worker) =>
  script(({ stores }) => stores.revoke({ ...path(storeId), payload: { identity } }), worker)

/** A client with a live pull that has caught up. */
const pulling = async (storeId: string, worker: Worker = "d1", user = "ann") => {
  const client = await WireClient.connect(`${server.url}${worker}`, storeId, { user })
  onTestFinished(() => client.close())
  client.send(client.pullFrame("1"))
  await client.chunk("1")
  return client
}

const push = async (storeId: string, batch: ReadonlyArray<unknown>) => {
  const client = await WireClient.connect(`${server.url}d1`, storeId)
  client.send(client.pushFrame("1", batch))
  expect(await client.exit("1")).toEqual(accepted)
  client.close()
}

/** What the database does until it is told something else. */
const setDown = async (how: "yes" | "slow" | "no") => {
  await fetch(new URL(`down?${how}`, server.url))
}

const sleep = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis))

const rowsRead = async (): Promise<number> =>
  JSON.parse(await (await fetch(new URL("rows", server.url))).text())

const isErrorOf = (storeId: string) => (line: string) =>
  line.includes(`"logLevel":"ERROR"`) && line.includes(`"storeId":"${storeId}"`)

const tableOf = (storeId: string) => Effect.runPromise(tableName(storeId))

/** The tables that are there for a store, and its row in the registry. */
const left = async (storeId: string, worker: Worker = "d1"): Promise<ReadonlyArray<unknown>> => {
  if (worker === "sqlite") {
    const answer = await fetch(new URL(`tables?storeId=${storeId}`, server.url))
    const rows: ReadonlyArray<{ readonly name: string }> = JSON.parse(await answer.text())
    return rows.filter(({ name }) => !name.startsWith("_cf_"))
  }
  const [tables, rows] = await database.batch([
    database.prepare("SELECT name FROM sqlite_schema WHERE name = ?").bind(await tableOf(storeId)),
    database.prepare("SELECT * FROM tidelog_stores WHERE storeId = ?").bind(storeId)
  ])
  return [...(tables?.results ?? []), ...(rows?.results ?? [])]
}

/** As a database that was restored to a time before the store, or lost the half of it. */
const lose = async (storeId: string, what: "row" | "all") => {
  await database.prepare("DELETE FROM tidelog_stores WHERE storeId = ?").bind(storeId).run()
  if (what === "all") await database.exec(`DROP TABLE ${await tableOf(storeId)}`)
}

const line = (event: unknown) =>
  `${JSON.stringify({ eventEncoded: event, metadata: { _tag: "None" } })}\n`

const importText = (storeId: string, body: string | null, worker: Worker = "d1") =>
  call(`${worker}/admin/stores/${storeId}/events`, { method: "POST", body })

await push("first", events(1))

describe("[RESTORE-4] a log that is replaced in its database, under a running server", () => {
  const change = {
    "has another backendId": (storeId: string) =>
      database
        .prepare("UPDATE tidelog_stores SET backendId = 'another' WHERE storeId = ?")
        .bind(storeId)
        .run(),
    "is no longer registered": (storeId: string) => lose(storeId, "row"),
    "is gone": (storeId: string) => lose(storeId, "all")
  }
  for (const [how, make] of Object.entries(change)) {
    for (const by of ["pull", "push", "look"] as const) {
      it(`${how}: with the next ${by}, the server is started again`, async () => {
        const storeId = `replaced-${how.replaceAll(" ", "_")}-${by}`
        await push(storeId, events(1, 3))
        const { backendId } = await info(storeId)
        const reader = await pulling(storeId)
        const other = await WireClient.connect(`${server.url}d1`, storeId)
        onTestFinished(() => other.close())
        // The end of one that never said anything reaches its client only when the object falls asleep.
        other.send(other.pullFrame("0"))
        await other.chunk("0")
        await make(storeId)
        await sleep(150)
        if (by === "pull") other.send(other.pullFrame("1", { after: 3, backendId }))
        if (by === "push") other.send(other.pushFrame("1", events(4)))
        if (by === "look" && how === "has another backendId") {
          expect(await info(storeId)).toMatchObject({ backendId: "another", head: 3 })
        } else if (by === "look") {
          // Nothing is looked at that is not registered, and nothing is made by it.
          expect((await call(`d1/admin/stores/${storeId}`))[0]).toBe(404)
          return
        }
        expect(await reader.closed).toMatchObject({ code: 1012 })
        expect(await other.closed).toMatchObject({ code: 1012 })

        const again = await WireClient.connect(`${server.url}d1`, storeId)
        onTestFinished(() => again.close())
        again.send(again.pullFrame("1", { after: 3, backendId }))
        const now = await info(storeId)
        expect(now.backendId).not.toBe(backendId)
        expect(now.head).toBe(how === "is gone" ? 0 : 3)
        const mismatch = {
          _tag: "BackendIdMismatchError",
          expected: now.backendId,
          received: backendId
        }
        expect(await again.exit("1")).toEqual(failed(mismatch))
        again.send(again.pushFrame("2", events(now.head + 1)))
        expect(await again.exit("2")).toEqual(accepted)
      })
    }
  }
})

it("[RESTORE-4] a log that is replaced while its clients sleep is not sent to them", async () => {
  const storeId = "replaced-asleep"
  await push(storeId, events(1, 3))
  const { backendId } = await info(storeId)
  const reader = await pulling(storeId)
  await server.evict(storeId)
  await database
    .prepare("UPDATE tidelog_stores SET backendId = 'another' WHERE storeId = ?")
    .bind(storeId)
    .run()
  await push(storeId, events(4, 6))
  expect(await reader.closed).toEqual({ code: 1012, reason: "the log was replaced" })
  expect(reader.seqNums("1")).toEqual([1, 2, 3])
  const again = await WireClient.connect(`${server.url}d1`, storeId)
  onTestFinished(() => again.close())
  again.send(again.pullFrame("1", { after: 3, backendId }))
  expect(await again.exit("1")).toMatchObject(failed({ _tag: "BackendIdMismatchError" }))
})

describe("[ADMIN-4] a store that was never opened", () => {
  const operations = {
    info: ["GET", ""],
    export: ["GET", "/events"],
    reset: ["POST", "/reset"],
    renew: ["POST", "/backend-id"],
    delete: ["DELETE", ""]
  } as const
  const notFound = [404, { _tag: "StoreNotFound", message: "there is no store of this id" }]

  for (const worker of ["d1", "sqlite"] as const) {
    for (const [operation, [method, rest]] of Object.entries(operations)) {
      it(`is not found and not made: ${operation}, ${worker}`, async () => {
        const storeId = `unknown-${operation}-${worker}`
        const route = `${worker}/admin/stores/${storeId}${rest}`
        expect(await call(route, { method })).toEqual(notFound)
        expect(await left(storeId, worker)).toEqual([])
        expect(await call(route, { method })).toEqual(notFound)
        // Nobody is in the way of whoever comes to stay.
        const client = await pulling(storeId, worker)
        expect(await info(storeId, worker)).toMatchObject({ head: 0, sockets: 1 })
        client.close()
      })
    }
  }

  it("is there as soon as something was imported", async () => {
    const body = range(1, 3)
      .map((seqNum) => line(events(seqNum)[0]))
      .join("")
    expect((await importText("imported", body, "sqlite"))[0]).toBe(200)
    expect(await info("imported", "sqlite")).toMatchObject({ head: 3 })
  })
})

describe("an access that is revoked while the database is down", () => {
  for (const asleep of [false, true]) {
    it(`[ADMIN-11] ends all the same${asleep ? ", where the object slept" : ""}`, async () => {
      const storeId = `down-${asleep}`
      const [ann, anns] = [await pulling(storeId), await pulling(storeId)]
      const bob = await pulling(storeId, "d1", "bob")
      if (asleep) await server.evict(storeId)
      await setDown("yes")
      try {
        expect((await call(`d1/admin/stores/${storeId}`))[0]).toBe(503)
        expect(await revoke(storeId, { user: "ann" })).toEqual({ closed: 2 })
        for (const client of [ann, anns]) {
          expect(await client.closed).toEqual({ code: 4401, reason: "the access was revoked" })
        }
      } finally {
        await setDown("no")
      }
      await push(storeId, events(1))
      await bob.until(() => bob.seqNums("1").length === 1)
      expect(await info(storeId)).toMatchObject({ sockets: 1 })
    })
  }

  it("[ADMIN-11] ends as well if its connection waits for the store to be opened", async () => {
    await setDown("slow")
    const connecting = pulling("opening")
    const unheard = connecting.catch(() => "closed")
    await sleep(300)
    const revoking = revoke("opening", { user: "ann" })
    await sleep(300)
    await setDown("no")
    expect(await revoking).toEqual({ closed: 1 })
    expect(await unheard).toBe("closed")
    expect(await info("opening")).toMatchObject({ sockets: 0 })
  })

  for (const worker of ["d1", "sqlite"] as const) {
    it(`[ADMIN-11] is none where nobody is, and makes nothing: ${worker}`, async () => {
      const before = await rowsRead()
      expect(await revoke("stranger", { user: "ann" }, worker)).toEqual({ closed: 0 })
      expect(await rowsRead()).toBe(before)
      expect(await left("stranger", worker)).toEqual([])
    })
  }
})

describe("a store that the database has lost", () => {
  for (const open of [true, false]) {
    it(`[ADMIN-13] is registered again with its new backendId: ${open ? "open" : "at rest"}`, async () => {
      const storeId = `lost-row-${open}`
      await push(storeId, events(1, 3))
      const old = (await info(storeId)).backendId
      const client = open ? await pulling(storeId) : undefined
      if (!open) await server.evict(storeId)
      await lose(storeId, "row")
      const { backendId } = await renew(storeId)
      expect(backendId).not.toBe(old)
      if (client !== undefined) {
        expect(JSON.stringify(await client.exit("1"))).toContain("BackendIdMismatchError")
        expect(await client.closed).toMatchObject({ code: 1012 })
      }
      expect(await info(storeId)).toMatchObject({ backendId, head: 3, events: 3 })
      const listed = await script(({ stores }) => stores.list({ urlParams: { after: "lost-q" } }))
      expect(listed.stores[0]).toMatchObject({ storeId, backendId })
      await push(storeId, events(4))
    })
  }

  for (const asleep of [false, true]) {
    it(`[ADMIN-13] is a new one to those who have it open${asleep ? ", asleep" : ""}`, async () => {
      const storeId = `lost-all-${asleep}`
      await push(storeId, events(1, 3))
      const client = await pulling(storeId)
      if (asleep) await server.evict(storeId)
      await lose(storeId, "all")
      const { backendId } = await renew(storeId)
      expect(backendId).not.toBe(client.backendId())
      expect(await client.closed).toMatchObject({ code: 1012 })
      const again = await pulling(storeId)
      expect(again.backendId()).toBe(backendId)
      await push(storeId, events(1))
      expect(await info(storeId)).toMatchObject({ backendId, head: 1, events: 1 })
      // That the log is lost is no news to whoever has it made anew.
      expect(server.lines.filter(isErrorOf(storeId))).toEqual([])
    })
  }

  it("[ADMIN-4][ADMIN-13] is not found where nothing is left of it, and is not made", async () => {
    await push("lost", events(1))
    await server.evict("lost")
    await lose("lost", "all")
    expect(await script(({ stores }) => Effect.flip(stores.renew(path("lost"))))).toMatchObject({
      _tag: "StoreNotFound"
    })
    expect(await left("lost")).toEqual([])
  })
})

describe("an import", () => {
  it("[ADMIN-7] looks for the head alone, however long the log is", async () => {
    const count = 10_000
    const all = Stream.range(1, count).pipe(
      Stream.map((seqNum): Message.PulledEvent => ({
        eventEncoded: {
          name: "e",
          seqNum,
          parentSeqNum: seqNum - 1,
          clientId: "c",
          sessionId: "s"
        },
        metadata: Option.none()
      }))
    )
    const before = await rowsRead()
    expect(await script(({ importEvents }) => importEvents("long", all))).toEqual({
      imported: count,
      head: count
    })
    // Ten requests, each of one batch, which is what reads. A look at every event each time would read
    // half as much again.
    expect((await rowsRead()) - before).toBeLessThan(3 * count + 100)
  })

  const failing = [
    ["a line that is no event", "nonsense\n", 422],
    ["a chain that does not begin", line(events(2)[0]), 422],
    [
      "an event that the store does not take",
      line({ ...events(1)[0], args: "x".repeat(2_000) }),
      422
    ],
    ["no line", null, 200]
  ] as const

  for (const worker of ["d1", "sqlite"] as const) {
    it(`[ADMIN-14] of nothing leaves no store: ${worker}`, async () => {
      for (const [index, [, text, status]] of failing.entries()) {
        const storeId = `in-vain-${index}`
        const answer = await importText(storeId, text, worker)
        expect(answer).toMatchObject([status, { head: 0 }])
        expect(await left(storeId, worker)).toEqual([])
      }
      expect(
        await call(`${worker}/admin/stores/behind/events?after=5`, { method: "POST" })
      ).toMatchObject([409, { _tag: "NotAtHead", head: 0 }])
      expect(await left("behind", worker)).toEqual([])
      // The same object serves the next one.
      expect(await importText("in-vain-0", line(events(1)[0]), worker)).toEqual([
        200,
        { imported: 1, head: 1 }
      ])
      expect(await left("in-vain-0", worker)).not.toEqual([])
    })

    it(`[ADMIN-14] that is cut before its first event leaves no store: ${worker}`, async () => {
      const cut = request(new URL(`${worker}/admin/stores/cut/events`, server.url), {
        method: "POST",
        headers: { authorization: `Bearer ${SECRET}`, "content-type": "application/x-ndjson" }
      })
      const gone = new Promise((resolve) => cut.on("close", resolve))
      cut.on("error", () => {})
      cut.write(line(events(1)[0]).slice(0, 20))
      await sleep(300)
      // Where a registry tells that there is none, none is opened.
      expect(await left("cut", worker)).toHaveLength(worker === "d1" ? 0 : 3)
      cut.destroy()
      await gone
      await expect.poll(() => left("cut", worker)).toEqual([])
    })

    it(`[ADMIN-14] of nothing into an empty store that clients know leaves it: ${worker}`, async () => {
      const client = await pulling("known", worker)
      client.close()
      await client.closed
      expect((await importText("known", failing[2][1], worker))[0]).toBe(422)
      expect(await info("known", worker)).toMatchObject({ backendId: client.backendId(), head: 0 })
    })

    it(`[ADMIN-8][ADMIN-14] that stored a part leaves it, and goes on from there: ${worker}`, async () => {
      const text = events(1, 1_001).map(line).join("")
      const answer = await importText("part", `${text}nonsense`, worker)
      expect(answer).toMatchObject([422, { line: 1_002, head: 1_000 }])
      const rest = await call(`${worker}/admin/stores/part/events?after=1000`, {
        method: "POST",
        body: "nonsense"
      })
      expect(rest).toMatchObject([422, { line: 1, head: 1_000 }])
      expect(await info("part", worker)).toMatchObject({ head: 1_000, events: 1_000 })
    })
  }
})
