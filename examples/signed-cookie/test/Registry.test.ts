/** The registries of several databases as one, over registries that the test keeps. */
import type { StoreRegistry } from "@tidelog/sync-worker"
import { Effect, Option } from "effect"
import { expect, it } from "vitest"
import { StorageError } from "../../../packages/sync-worker/src/EventLog.ts"
import * as Registry from "../src/Registry.ts"

type Service = StoreRegistry.StoreRegistryService

const stored = (storeId: string) => ({ storeId, backendId: "b", createdAt: "2026-01-01" })

const inOrder = (ids: ReadonlyArray<string>) =>
  ids.toSorted((one, two) => Buffer.compare(Buffer.from(one), Buffer.from(two)))

/** A database with some stores, as its own registry tells of them. */
const makeShard = (ids: ReadonlyArray<string>): Service => ({
  list: ({ after = "", limit }) =>
    Effect.sync(() => {
      const later = inOrder(ids).filter((id) => Buffer.from(id).compare(Buffer.from(after)) > 0)
      const page = later.slice(0, limit)
      const last = page.at(-1)
      const stores = page.map(stored)
      return later.length > limit && last !== undefined ? { stores, next: last } : { stores }
    }),
  get: (storeId) =>
    Effect.succeed(ids.includes(storeId) ? Option.some(stored(storeId)) : Option.none()),
  hasLog: (storeId) => Effect.succeed(ids.includes(storeId)),
  ping: Effect.void
})

const failure = new StorageError({ operation: "answer", cause: new Error("down") })

const down: Service = {
  list: () => failure,
  get: () => failure,
  hasLog: () => failure,
  ping: failure
}

/** Everything of one page after another. */
const listAll = async (registry: Service, limit: number) => {
  const pages: Array<ReadonlyArray<string>> = []
  for (let after: string | undefined; ;) {
    const { next, stores } = await Effect.runPromise(registry.list({ after, limit }))
    pages.push(stores.map(({ storeId }) => storeId))
    if (next === undefined) return pages
    after = next
  }
}

it("[LOG-7][ADMIN-5] the stores of all databases are one list, whatever a page holds", async () => {
  const shards = [
    ["a", "d", "\u{ff5e}", "x/y"],
    ["b", "c", "\u{1f30a}", "\u{1f30b}"],
    [],
    ["e", "f", "g", "é"]
  ]
  const registry = Registry.overShards(
    new Map(shards.map((ids, index) => [`${index}`, makeShard(ids)])),
    () => "0"
  )
  const all = inOrder(shards.flat())
  for (const limit of [1, 2, 3, 5, all.length - 1, all.length, 1_000]) {
    const pages = await listAll(registry, limit)
    expect(pages.flat()).toEqual(all)
    expect(pages).toHaveLength(Math.ceil(all.length / limit))
  }
  expect(
    await listAll(
      Registry.overShards(new Map(), () => "0"),
      10
    )
  ).toEqual([[]])
})

it("[ADMIN-4][HEALTH-1] a store is asked of its own database; health is that of all", async () => {
  const registry = Registry.overShards(
    new Map([
      ["up", makeShard(["one"])],
      ["down", down]
    ]),
    (storeId) => (storeId === "two" ? "down" : "up")
  )
  expect(await Effect.runPromise(registry.get("one"))).toEqual(Option.some(stored("one")))
  expect(await Effect.runPromise(registry.get("none"))).toEqual(Option.none())
  expect(await Effect.runPromise(registry.hasLog("one"))).toBe(true)
  expect(await Effect.runPromise(registry.hasLog("none"))).toBe(false)
  for (const asked of [
    registry.get("two"),
    registry.hasLog("two"),
    registry.ping,
    registry.list({ limit: 1 })
  ]) {
    expect(await Effect.runPromise(Effect.flip(Effect.asVoid(asked)))).toBe(failure)
  }
})
