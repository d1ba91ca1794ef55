import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { EventLog } from "../../EventLog.ts"
import type { EventLogService } from "../../EventLog.ts"
import { ALL, event, events, seqNums } from "./fixtures.ts"
import type { Harness } from "./harness.ts"

/** Neither its head nor its events are given to what was opened before. */
const expectReplaced = (log: EventLogService) =>
  Effect.forEach(
    [
      Effect.asVoid(log.head),
      Effect.asVoid(log.read(0, ALL)),
      Effect.asVoid(log.readPage(0, ALL)),
      Effect.asVoid(log.readPage(99, ALL))
    ],
    (reading) =>
      Effect.map(Effect.flip(reading), (error) => {
        expect(error).toMatchObject({ _tag: "LogReplaced" })
      })
  )

/** Which log it is, and how it is replaced. */
export const declareIncarnations = <E>({ newStoreId, open, test }: Harness<E>): void => {
  it.effect("[LOG-2] has a backendId of its own", () =>
    Effect.gen(function* () {
      const ids = yield* Effect.forEach([newStoreId(), newStoreId()], (storeId) =>
        Effect.map(EventLog, ({ backendId }) => backendId).pipe(Effect.provide(open(storeId)))
      )
      expect(new Set(ids).size).toBe(2)
      for (const id of ids) expect(id).toMatch(/^[A-Za-z0-9_-]{1,64}$/)
    })
  )

  test(
    "[LOG-6] after a reset, nothing can be appended by what was opened before",
    Effect.gen(function* () {
      const log = yield* EventLog
      yield* log.append(events(1, 3))
      yield* log.reset
      for (const batch of [events(1, 2), events(4, 4)]) {
        const result = yield* Effect.either(log.append(batch))
        expect(Either.getLeft(result)).toMatchObject({ value: { _tag: "HeadMismatch" } })
      }
      yield* expectReplaced(log)
    })
  )

  test(
    "[LOG-6] after a renewal, nothing of the log is given to what was opened before",
    Effect.gen(function* () {
      const log = yield* EventLog
      yield* log.append(events(1, 3))
      expect(yield* log.head).toBe(3)
      yield* log.renew
      yield* expectReplaced(log)
    })
  )

  test(
    "[LOG-6] after a removal, nothing can be appended by what was opened before",
    Effect.gen(function* () {
      const log = yield* EventLog
      yield* log.append(events(1, 3))
      yield* log.remove
      yield* log.remove
      for (const batch of [events(1, 2), events(4, 4)]) {
        const result = yield* Effect.either(log.append(batch))
        expect(Either.getLeft(result)).toMatchObject({ value: { _tag: "StorageError" } })
      }
      yield* expectReplaced(log)
      expect(Either.isLeft(yield* Effect.either(log.reset))).toBe(true)
      expect(Either.isLeft(yield* Effect.either(log.renew))).toBe(true)
    })
  )
}

/** The same of a log that outlives its Layer. */
export const declareReopening = <E>({ newStoreId, visit }: Harness<E>): void => {
  /** Each time, the log of the store is opened anew. */
  const reopening = <A, E2>(
    rule: string,
    body: (
      visit: <B, E3>(
        use: (log: EventLogService) => Effect.Effect<B, E3>
      ) => Effect.Effect<B, E | E3>
    ) => Effect.Effect<A, E2>
  ) => {
    it.effect(rule, () => {
      const storeId = newStoreId()
      return body((use) => visit(storeId, use))
    })
  }

  reopening("[LOG-2] is the same log when it is opened again", (visit) =>
    Effect.gen(function* () {
      const twoMore = (log: EventLogService) =>
        Effect.gen(function* () {
          const head = yield* log.head
          expect(log.initialHead).toBe(head)
          yield* log.append(events(head + 1, head + 2))
          return { head, backendId: log.backendId }
        })
      const first = yield* visit(twoMore)
      const second = yield* visit(twoMore)
      expect(first.head).toBe(0)
      expect(second).toEqual({ head: 2, backendId: first.backendId })
    })
  )

  reopening("[LOG-8] knows when it is opened when its head was stored", (visit) =>
    Effect.gen(function* () {
      const later = "2026-01-02T03:04:05.679Z"
      yield* visit((log) => log.append([event(1), event(2, { createdAt: later })]))
      yield* visit((log) =>
        Effect.sync(() => expect(log).toMatchObject({ initialHead: 2, initialCreatedAt: later }))
      )
    })
  )

  reopening("[LOG-1] of two instances that append at one head, one does", (visit) =>
    visit((left) =>
      visit((right) =>
        Effect.gen(function* () {
          expect(right.backendId).toBe(left.backendId)
          for (const from of [1, 21, 41]) {
            const results = yield* Effect.forEach(
              [left, right, left, right],
              (log) => Effect.either(log.append(events(from, from + 19))),
              { concurrency: "unbounded" }
            )
            expect(results.filter(Either.isRight)).toHaveLength(1)
          }
          expect(yield* left.head).toBe(60)
          expect(yield* right.stats).toEqual(yield* left.stats)
          expect(seqNums(yield* right.read(0, ALL))).toHaveLength(60)
        })
      )
    )
  )

  reopening("[LOG-6] a reset deletes the events and makes another backendId", (visit) =>
    Effect.gen(function* () {
      const before = yield* visit((log) => Effect.as(log.append(events(1, 3)), log.backendId))
      const after = yield* visit((log) => log.reset)
      expect(after).not.toBe(before)
      yield* visit((log) =>
        Effect.gen(function* () {
          expect(log).toMatchObject({ backendId: after, initialHead: 0 })
          expect(log.initialCreatedAt).toBeUndefined()
          expect(yield* log.read(0, ALL)).toEqual([])
          yield* log.append(events(1, 1))
        })
      )
    })
  )

  reopening("[LOG-2] is new when it is made, and never again", (visit) =>
    Effect.gen(function* () {
      expect(yield* visit((log) => Effect.succeed(log.isNew))).toBe(true)
      expect(yield* visit((log) => Effect.succeed(log.isNew))).toBe(false)
      yield* visit((log) => log.reset)
      expect(yield* visit((log) => Effect.succeed(log.isNew))).toBe(false)
      yield* visit((log) => log.remove)
      expect(yield* visit((log) => Effect.succeed(log.isNew))).toBe(true)
    })
  )

  reopening("[LOG-6] a renewal keeps the events and makes another backendId", (visit) =>
    Effect.gen(function* () {
      const old = yield* visit((log) => Effect.as(log.append(events(1, 3)), log))
      const after = yield* visit((log) => log.renew)
      expect(after).not.toBe(old.backendId)
      yield* visit((log) =>
        Effect.gen(function* () {
          expect(log).toMatchObject({ backendId: after, initialHead: 3 })
          const result = yield* Effect.either(old.append(events(4, 4)))
          expect(Either.getLeft(result)).toMatchObject({ value: { _tag: "HeadMismatch" } })
          yield* log.append(events(4, 5))
          expect(seqNums(yield* log.read(0, ALL))).toEqual([1, 2, 3, 4, 5])
        })
      )
    })
  )

  reopening("[LOG-6] a log that was removed is a new one when it is opened again", (visit) =>
    Effect.gen(function* () {
      const old = yield* visit((log) => Effect.as(log.append(events(1, 3)), log))
      yield* visit((log) => log.remove)
      yield* visit((log) =>
        Effect.gen(function* () {
          expect(log.initialHead).toBe(0)
          expect(log.backendId).not.toBe(old.backendId)
          const result = yield* Effect.either(old.append(events(1, 1)))
          expect(Either.getLeft(result)).toMatchObject({ value: { _tag: "HeadMismatch" } })
          yield* log.append(events(1, 2))
          expect(seqNums(yield* log.read(0, ALL))).toEqual([1, 2])
        })
      )
    })
  )

  it.effect("[LOG-6] a store that is reset, renewed or removed leaves the others alone", () =>
    Effect.gen(function* () {
      const other = newStoreId()
      const changed = newStoreId()
      const backendId = yield* visit(other, (log) =>
        Effect.as(log.append(events(1, 3)), log.backendId)
      )
      yield* visit(changed, (log) => Effect.zipRight(log.append(events(1, 3)), log.renew))
      yield* visit(changed, (log) => log.reset)
      yield* visit(changed, (log) => log.remove)
      const seen = yield* visit(other, (log) => Effect.succeed(log))
      expect(seen).toMatchObject({ backendId, initialHead: 3 })
    })
  )
}
