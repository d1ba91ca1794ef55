/** The registries of several databases as one. */
import type { StoreRegistry } from "@tidelog/sync-worker"
import { Effect, Option, Order } from "effect"

type Registry = StoreRegistry.StoreRegistryService
type Store = StoreRegistry.RegisteredStore

/**
 * `shards`: each database's own registry, by the database's name. `shardOf`: the name of the one that
 * has a store.
 */
export const overShards = (
  shards: ReadonlyMap<string, Registry>,
  shardOf: (storeId: string) => string
): Registry => ({
  // The first of all are among the first of each, so no shard is asked for more than is wanted.
  list: Effect.fnUntraced(function* (options) {
    const pages = yield* Effect.forEach(shards.values(), (shard) => shard.list(options), TOGETHER)
    const found = pages.flatMap(({ stores }) => stores).toSorted(byStoreId)
    const stores = found.slice(0, options.limit)
    const last = stores.at(-1)
    const isMore = found.length > stores.length || pages.some(({ next }) => next !== undefined)
    return isMore && last !== undefined ? { stores, next: last.storeId } : { stores }
  }),

  get: (storeId) => shards.get(shardOf(storeId))?.get(storeId) ?? Effect.succeed(Option.none()),

  hasLog: (storeId) => shards.get(shardOf(storeId))?.hasLog(storeId) ?? Effect.succeed(false),

  // One that does not answer has stores that cannot be opened.
  ping: Effect.forEach(shards.values(), (shard) => shard.ping, { ...TOGETHER, discard: true })
})

const TOGETHER = { concurrency: "unbounded" } as const

/** As the databases order them: by their UTF-8, which is the order of code points. */
const byStoreId = (one: Store, two: Store): -1 | 0 | 1 =>
  byCodePoints(codePoints(one.storeId), codePoints(two.storeId))

const byCodePoints = Order.array(Order.number)

const codePoints = (text: string): ReadonlyArray<number> =>
  Array.from(text, (character) => character.codePointAt(0) ?? 0)
