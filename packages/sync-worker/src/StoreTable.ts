/**
 * The table that holds a store's log.
 *
 * @since 0.1.0
 */
import type { Handshake } from "@tidelog/sync-protocol"
import * as Effect from "effect/Effect"

/**
 * LiveStore's version of the table's columns. Part of the name, as in the official backend, so
 * that its data can be taken over.
 *
 * @since 0.1.0
 * @category constants
 */
export const PERSISTENCE_FORMAT_VERSION = 7

/** Characters of the readable part of a hashed name. */
const STEM_LENGTH = 40

/** Bytes of the hash in a name: 128 bits, so that no two stores share a table by accident. */
const HASH_BYTES = 16

/**
 * The name of the table of a store; no two stores have the same (SPEC: LOG-4).
 *
 * A storeId of `[a-z0-9_]` without `__` is used as it is: SQLite does not tell upper from lower
 * case in names. Every other becomes a readable stem, `__` and a hash of the whole.
 *
 * The name consists of `[a-z0-9_]` only, so it can stand in SQL as it is.
 *
 * @since 0.1.0
 * @category names
 */
export const tableName = (storeId: Handshake.StoreId): Effect.Effect<string> =>
  /^[a-z0-9_]+$/.test(storeId) && !storeId.includes("__")
    ? Effect.succeed(prefixed(storeId))
    : Effect.map(hash(storeId), (hex) => prefixed(`${stem(storeId)}__${hex}`))

/**
 * The name of a store's table under the official backend, in lower case, as SQLite compares it. Others
 * have the same: `a-b`, `a.b` and `A_b` do.
 *
 * @since 0.1.0
 * @category names
 */
export const officialTableName = (storeId: Handshake.StoreId): string =>
  prefixed(storeId.replaceAll(/[^a-zA-Z0-9]/g, "_").toLowerCase())

const prefixed = (name: string): string => `eventlog_${PERSISTENCE_FORMAT_VERSION}_${name}`

const stem = (storeId: string): string =>
  storeId
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "_")
    .replace(/^_|_$/g, "")
    .slice(0, STEM_LENGTH)

const hash = (storeId: string): Effect.Effect<string> =>
  Effect.map(
    Effect.promise(() => crypto.subtle.digest("SHA-256", new TextEncoder().encode(storeId))),
    (digest) =>
      Array.from(new Uint8Array(digest, 0, HASH_BYTES), (byte) =>
        byte.toString(16).padStart(2, "0")
      ).join("")
  )
