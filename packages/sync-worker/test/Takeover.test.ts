/** What becomes of a table of the official backend, over each database. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { EventLog, StorageError } from "../src/EventLog.ts"
import * as EventLogSql from "../src/EventLogSql.ts"
import { SqlEngine } from "../src/SqlEngine.ts"
import type { SqlEngineService, Statement } from "../src/SqlEngine.ts"
import * as SqlEngineD1 from "../src/SqlEngineD1.ts"
import { StoreId } from "../src/StoreId.ts"
import { officialTableName, tableName } from "../src/StoreTable.ts"
import { Takeover } from "../src/Takeover.ts"
import type { OfficialPast, TakeoverService } from "../src/Takeover.ts"
import { startDatabase } from "./support/database.ts"
import { startObjects } from "./support/objectStorage.ts"

const ALL = { maxEvents: 100, maxBytes: 1_000_000 }

const CREATED_AT = "2025-12-31T23:59:59.999Z"

/** Position and parent of each event. */
type Chain = ReadonlyArray<readonly [seqNum: number, parentSeqNum: number]>

const chain = (from: number, to: number): Chain =>
  Array.from({ length: to - from + 1 }, (_, index) => [from + index, from + index - 1])

const pastOf = (head: number, backendId = "official-id_1"): OfficialPast => ({
  backendId,
  head,
  provenHead: head
})

/** What an opening failed with. A log is nothing to print. */
const failure = <A, E>(opening: Effect.Effect<A, E>) => Effect.flip(Effect.as(opening, "opened"))

const describeTakeover = (name: string, engine: SqlEngineService, isShared: boolean) => {
  const write = (statements: ReadonlyArray<Statement>) => engine.batch("prepare", statements)

  /** The table of a store as the official backend makes and fills it. */
  const leave = (storeId: string, events: Chain) => {
    const table = `"eventlog_7_${storeId.replaceAll(/[^a-zA-Z0-9]/g, "_")}"`
    return write([
      {
        sql: `CREATE TABLE IF NOT EXISTS ${table} ('seqNum' integer primary key, 'parentSeqNum' integer not null,
          'name' text not null, 'args' text, 'createdAt' text not null, 'clientId' text not null,
          'sessionId' text not null) strict`,
        params: []
      },
      ...events.map(([seqNum, parentSeqNum]) => ({
        sql: `INSERT INTO ${table} VALUES (?1, ?2, ?3, ?4, ?5, 'c', 's')`,
        params: [seqNum, parentSeqNum, storeId, `{"n":${seqNum}}`, CREATED_AT]
      }))
    ])
  }

  const openIn = (
    sql: SqlEngineService,
    storeId: string,
    takeover: Partial<TakeoverService> = {}
  ) =>
    Effect.provide(
      EventLog,
      EventLogSql.layer.pipe(
        Layer.provide([Layer.succeed(SqlEngine, sql), Layer.succeed(StoreId, storeId)]),
        Layer.provide(
          Layer.succeed(Takeover, { past: undefined, adoption: "proven", isShared, ...takeover })
        ),
        Layer.fresh
      )
    )

  const open = (storeId: string, takeover?: Partial<TakeoverService>) =>
    openIn(engine, storeId, takeover)

  const seqNums = (log: EventLog["Type"]) =>
    Effect.map(log.read(0, ALL), (entries) => entries.map(({ seqNum }) => seqNum))

  /** Why a store is not opened. */
  const refused = (storeId: string, takeover?: Partial<TakeoverService>) =>
    failure(open(storeId, takeover))

  const tables = Effect.map(
    write([{ sql: "SELECT name, sql FROM sqlite_schema ORDER BY name", params: [] }]),
    ([found]) => found?.rows
  )

  describe(`a store of the official backend: ${name}`, () => {
    for (const storeId of ["plain_1", "Ab-Cd.1", "V1StGXR8_Z5jdHi6B-myT", "日本語", "twice__two"]) {
      it.effect(`[TAKE-1] keeps its events and its backendId: ${storeId}`, () =>
        Effect.gen(function* () {
          yield* leave(storeId, chain(1, 3))
          const log = yield* open(storeId, { past: pastOf(3) })
          expect(log).toMatchObject({
            backendId: "official-id_1",
            initialHead: 3,
            initialCreatedAt: CREATED_AT,
            isNew: false
          })
          const ids = { clientId: "c", sessionId: "s" }
          yield* log.append([
            { ...ids, name: "x", args: "null", seqNum: 4, parentSeqNum: 3, createdAt: CREATED_AT }
          ])
          const again = yield* open(storeId, { past: pastOf(3) })
          expect(again).toMatchObject({ backendId: "official-id_1", initialHead: 4, isNew: false })
          const { text } = yield* again.readPage(2, ALL)
          expect(
            JSON.parse(`[${text}]`).map((event: { eventEncoded: unknown }) => event.eventEncoded)
          ).toEqual([
            { ...ids, name: storeId, args: { n: 3 }, seqNum: 3, parentSeqNum: 2 },
            { ...ids, name: "x", args: null, seqNum: 4, parentSeqNum: 3 }
          ])
        })
      )
    }

    it.effect("[TAKE-1] keeps its backendId if it is empty, and is none of ours to discard", () =>
      Effect.gen(function* () {
        yield* leave("empty-1", [])
        expect(yield* open("empty-1", { past: pastOf(0, "e1") })).toMatchObject({
          backendId: "e1",
          initialHead: 0,
          isNew: false
        })
        expect(yield* open("no-table", { past: pastOf(0, "e2") })).toMatchObject({
          backendId: "e2",
          isNew: false
        })
      })
    )

    it.effect("[TAKE-2] no event is copied, and nothing is left under the official name", () =>
      Effect.gen(function* () {
        yield* leave("moved-1", chain(1, 2))
        yield* open("moved-1", { past: pastOf(2) })
        const names = JSON.stringify(yield* tables)
        expect(names).not.toContain(`"${officialTableName("moved-1")}"`)
        // The table itself is there, with the columns that it was made with.
        expect(names).toContain(
          JSON.stringify(`CREATE TABLE "${yield* tableName("moved-1")}" ('seqNum' integer`).slice(
            1,
            -1
          )
        )
      })
    )

    const isTaking = (statements: ReadonlyArray<Statement>) =>
      statements.some(({ sql }) => sql.includes("INSERT INTO tidelog_takeovers"))

    it.effect(
      "[TAKE-2] what fails on the way changes nothing, and is done with the next start",
      () =>
        Effect.gen(function* () {
          // To look makes the table of takeovers.
          yield* refused("some-where", { past: pastOf(1) })
          for (const storeId of ["cut-off", "cutoff"]) {
            yield* leave(storeId, chain(1, 2))
            const before = yield* tables
            const failing: SqlEngineService = {
              batch: (operation, statements) =>
                engine.batch(
                  operation,
                  isTaking(statements)
                    ? [...statements, { sql: "SELECT * FROM nowhere", params: [] }]
                    : statements
                )
            }
            expect(yield* failure(openIn(failing, storeId, { past: pastOf(2) }))).toMatchObject({
              _tag: "StorageError"
            })
            expect(yield* tables).toEqual(before)
            const log = yield* open(storeId, { past: pastOf(2) })
            expect(yield* seqNums(log)).toEqual([1, 2])
          }
        })
    )

    it.effect("[TAKE-2] it is done although its answer was lost", () =>
      Effect.gen(function* () {
        yield* leave("un-answered", chain(1, 2))
        const lossy: SqlEngineService = {
          batch: (operation, statements) =>
            Effect.flatMap(engine.batch(operation, statements), (results) =>
              isTaking(statements)
                ? new StorageError({ operation, cause: new Error("lost") })
                : Effect.succeed(results)
            )
        }
        yield* failure(openIn(lossy, "un-answered", { past: pastOf(2) }))
        const log = yield* open("un-answered", { past: pastOf(2) })
        expect(log).toMatchObject({ backendId: "official-id_1", initialHead: 2 })
      })
    )

    it.effect("[TAKE-3] one that was wedged ends with its last row", () =>
      Effect.gen(function* () {
        yield* leave("wedged-1", chain(1, 19))
        const log = yield* open("wedged-1", { past: pastOf(5) })
        expect(log.initialHead).toBe(19)
      })
    )

    it.effect("[TAKE-6] is not opened where its events are not", () =>
      Effect.gen(function* () {
        for (const adoption of ["proven", "always"] as const) {
          expect(yield* refused("else-where", { past: pastOf(3), adoption })).toMatchObject({
            _tag: "TakeoverRefused",
            reason: "missing",
            message: expect.stringContaining("Is `storage` what it was?")
          })
        }
        const log = yield* open("else-where", { past: pastOf(3), adoption: "never" })
        expect(log).toMatchObject({ initialHead: 0, isNew: true })
        expect(log.backendId).not.toBe("official-id_1")
      })
    )

    it.effect("[TAKE-8] one that is no chain stays as it is", () =>
      Effect.gen(function* () {
        const broken: Chain = [
          [1, 0],
          [3, 2],
          [5, 10],
          [9, 7],
          [10, 9]
        ]
        yield* leave("no-chain", broken)
        const warned: Array<unknown> = []
        const logger = Logger.make(({ annotations, logLevel }) => {
          warned.push([logLevel.label, Object.fromEntries(annotations)])
        })
        const log = yield* Effect.provide(
          open("no-chain", { past: pastOf(5) }),
          Logger.replace(Logger.defaultLogger, logger)
        )
        expect(warned).toEqual([["WARN", expect.objectContaining({ head: 10, brokenAt: 3 })]])
        expect(log.initialHead).toBe(10)
        expect(yield* seqNums(log)).toEqual([1, 3, 5, 9, 10])
      })
    )

    it.effect("[TAKE-5] one that was removed since is a new store, and takes nothing twice", () =>
      Effect.gen(function* () {
        for (const storeId of ["re-moved", "removed_1"]) {
          yield* leave(storeId, chain(1, 2))
          const log = yield* open(storeId, { past: pastOf(2) })
          yield* log.remove
          const next = yield* open(storeId, { past: pastOf(2) })
          expect(next.initialHead).toBe(0)
          expect(next.backendId).not.toBe("official-id_1")
        }
      })
    )

    it.effect("[TAKE-1] one that has lost its registration since keeps its events", () =>
      Effect.gen(function* () {
        for (const storeId of ["un-registered", "unregistered_1"]) {
          yield* leave(storeId, chain(1, 2))
          yield* open(storeId, { past: pastOf(2) })
          yield* write([
            { sql: "DELETE FROM tidelog_stores WHERE storeId = ?1", params: [storeId] }
          ])
          const next = yield* open(storeId, { past: pastOf(2) })
          expect(yield* seqNums(next)).toEqual([1, 2])
          expect(next.backendId).not.toBe("official-id_1")
        }
      })
    )

    it.effect("[TAKE-9] costs one round trip, once it is ours or if it never was another's", () =>
      Effect.gen(function* () {
        let trips = 0
        const counting: SqlEngineService = {
          batch: (operation, statements) =>
            Effect.suspend(() => {
              trips++
              return engine.batch(operation, statements)
            })
        }
        const tripsOf = (storeId: string, takeover?: Partial<TakeoverService>) =>
          Effect.suspend(() => {
            trips = 0
            return Effect.map(openIn(counting, storeId, takeover), () => trips)
          })
        for (const storeId of ["trips-1", "trips_2"]) {
          expect(yield* tripsOf(`new-${storeId}`)).toBe(1)
          expect(yield* tripsOf(`new-${storeId}`)).toBe(1)
          yield* leave(storeId, chain(1, 2))
          expect(yield* tripsOf(storeId, { past: pastOf(2) })).toBe(3)
          expect(yield* tripsOf(storeId, { past: pastOf(2) })).toBe(1)
        }
      })
    )

    it.effect("[LOG-12] a table that a store has not made is not its log", () =>
      Effect.gen(function* () {
        yield* leave("stranger_1", chain(1, 2))
        const before = yield* tables
        expect(yield* refused("stranger_1")).toMatchObject({ reason: "foreign" })
        expect(yield* refused("stranger_1", { adoption: "never" })).toMatchObject({
          reason: "foreign"
        })
        // The question has made one table, for answers like this.
        expect(JSON.stringify(yield* tables).replace(/\{"name":"tidelog_takeovers.*?\},/, "")).toBe(
          JSON.stringify(before).replace(/\{"name":"tidelog_takeovers.*?\},/, "")
        )
        const log = yield* open("stranger_1", { adoption: "always" })
        expect(yield* seqNums(log)).toEqual([1, 2])
      })
    )
  })

  return { leave, open, refused, seqNums, write }
}

const { leave, open, refused, seqNums, write } = describeTakeover(
  "D1",
  SqlEngineD1.make(await startDatabase()),
  true
)

const objects = await startObjects()

const own = describeTakeover("Durable Object", objects.engine("takeover"), false)

describe("stores that share an official table", () => {
  it.effect("[TAKE-4] the one that has stored all its events takes it, whoever comes first", () =>
    Effect.gen(function* () {
      yield* leave("my-list", chain(1, 3))
      for (const other of ["my.list", "My-List", "my_list"]) {
        expect(yield* refused(other, { past: pastOf(0, "other") })).toMatchObject({
          reason: "unproven"
        })
      }
      expect(yield* refused("my_list")).toMatchObject({ reason: "foreign" })
      const log = yield* open("my-list", { past: pastOf(3) })
      expect(yield* seqNums(log)).toEqual([1, 2, 3])
      for (const other of ["my.list", "My-List", "my_list"]) {
        const empty = yield* open(other, { past: pastOf(0, other.length + "other") })
        expect(empty).toMatchObject({ initialHead: 0, backendId: other.length + "other" })
        expect(yield* seqNums(empty)).toEqual([])
      }
      expect(yield* seqNums(log)).toEqual([1, 2, 3])
    })
  )

  it.effect("[TAKE-4] one without events need not wait for it, unless its id is the table's", () =>
    Effect.gen(function* () {
      yield* leave("for-ever", chain(1, 3))
      const empty = yield* open("for.ever", { past: pastOf(0, "other"), adoption: "never" })
      expect(yield* seqNums(empty)).toEqual([])
      const adoption = "never" as const
      for (const options of [{ adoption }, { past: pastOf(0, "other"), adoption }]) {
        expect(yield* refused("for_ever", options)).toMatchObject({ reason: "foreign" })
      }
      // To open the other one is what gives the table another name.
      yield* open("for-ever", { past: pastOf(3) })
      expect(yield* seqNums(yield* open("for_ever"))).toEqual([])
    })
  )

  it.effect("[TAKE-4] a table with the events of two is nobody's", () =>
    Effect.gen(function* () {
      // The official backend compares a push with its own store's head only: here is the second one's, which
      // has pushed far behind the first.
      const both: Chain = [...chain(1, 3), [1_000, 0], [1_001, 3]]
      yield* leave("two-of", both)
      for (const [storeId, head] of [
        ["two-of", 3],
        ["two.of", 1_001]
      ] as const) {
        expect(yield* refused(storeId, { past: pastOf(head) })).toMatchObject({
          reason: "unproven",
          table: "eventlog_7_two_of"
        })
      }
      const log = yield* open("two-of", { past: pastOf(3), adoption: "always" })
      expect(log.initialHead).toBe(1_001)
      for (const adoption of ["proven", "always"] as const) {
        expect(yield* refused("two.of", { past: pastOf(1_001), adoption })).toMatchObject({
          reason: "claimed",
          claimedBy: "two-of"
        })
      }
      const empty = yield* open("two.of", { past: pastOf(1_001), adoption: "never" })
      expect(yield* seqNums(empty)).toEqual([])
    })
  )

  it.effect("[TAKE-4] a head without its event proves nothing", () =>
    Effect.gen(function* () {
      yield* leave("gone-on", chain(1, 3))
      expect(yield* refused("gone-on", { past: pastOf(4) })).toMatchObject({ reason: "unproven" })
      yield* leave("emp-tied", [])
      expect(yield* refused("emp-tied", { past: pastOf(4) })).toMatchObject({ reason: "unproven" })
    })
  )

  it.effect("[TAKE-4] a head that was counted before it was stored proves nothing", () =>
    Effect.gen(function* () {
      yield* leave("old-one", chain(1, 3))
      const past: OfficialPast = { backendId: undefined, head: 3, provenHead: 0 }
      expect(yield* refused("old-one", { past })).toMatchObject({ reason: "unproven" })
      const log = yield* open("old-one", { past, adoption: "always" })
      expect(yield* seqNums(log)).toEqual([1, 2, 3])
      expect(log.backendId).toMatch(/^[0-9a-f]{32}$/)
    })
  )

  it.effect("[TAKE-5] a table that a store of ours has made by now is not taken", () =>
    Effect.gen(function* () {
      const ours = yield* open("new_one")
      expect(yield* refused("new-one", { past: pastOf(3), adoption: "always" })).toMatchObject({
        reason: "claimed",
        claimedBy: "new_one"
      })
      const beside = yield* open("new.one", { past: pastOf(0, "beside") })
      expect(beside.backendId).toBe("beside")
      expect(ours.backendId).not.toBe("beside")
    })
  )

  it.effect(
    "[TAKE-4] what a store of ours has made is not taken, though it is no longer registered",
    () =>
      Effect.gen(function* () {
        const ours = yield* open("made_here")
        const ids = { name: "x", args: undefined, clientId: "c", sessionId: "s" }
        yield* ours.append([{ ...ids, seqNum: 1, parentSeqNum: 0, createdAt: CREATED_AT }])
        yield* write([
          { sql: "DELETE FROM tidelog_stores WHERE storeId = 'made_here'", params: [] }
        ])
        for (const adoption of ["proven", "always"] as const) {
          expect(yield* refused("made-here", { past: pastOf(1), adoption })).toMatchObject({
            reason: "foreign"
          })
        }
        expect(yield* seqNums(yield* open("made_here"))).toEqual([1])
      })
  )

  it.effect("[TAKE-4] in an object of its own, a store's table needs no proof", () =>
    Effect.gen(function* () {
      yield* own.leave("own-one", chain(1, 14))
      const log = yield* own.open("own-one", { past: pastOf(0, "own") })
      expect(log).toMatchObject({ initialHead: 14, backendId: "own" })
    })
  )
})
