/** Which database a store is in. */

/** Never reordered and never fewer: a store stays where its name put it. */
export const SHARDS = ["SHARD_0", "SHARD_1", "SHARD_2"] as const

/** The binding of a store's database, by the FNV-1a hash of its name. */
export const shardOf = (storeId: string): string => {
  let hash = 0x811c9dc5
  for (const byte of new TextEncoder().encode(storeId)) {
    hash = Math.imul(hash ^ byte, 0x01000193)
  }
  return SHARDS[(hash >>> 0) % SHARDS.length] ?? SHARDS[0]
}
