/** What the official backend leaves behind, in words of SQL. */

/** What is left in an object: statements, and a head as 0.3.1 kept it. */
export interface Left {
  readonly statements?: ReadonlyArray<string>
  readonly currentHead?: number
}

const tableOf = (storeId: string) => `"eventlog_7_${storeId.replaceAll(/[^a-zA-Z0-9]/g, "_")}"`

const TABLE = `('seqNum' integer primary key, 'parentSeqNum' integer not null, 'name' text not null,
  'args' text, 'createdAt' text not null, 'clientId' text not null, 'sessionId' text not null) strict`

/** A store's table with the first events of a chain. */
export const tableWith = (storeId: string, upTo: number) => [
  `CREATE TABLE ${tableOf(storeId)} ${TABLE}`.replaceAll("\n", ""),
  ...Array.from(
    { length: upTo },
    (_, parent) =>
      `INSERT INTO ${tableOf(storeId)} VALUES (${parent + 1}, ${parent}, 'n', '{}', '2025-01-01T00:00:00.000Z', 'c', 's')`
  )
]

/** Rows of the table that the official backend has in each object: storeId, head and backendId. */
export const context = (...rows: ReadonlyArray<readonly [string, number, string]>) => [
  `CREATE TABLE context_7 ('storeId' text primary key, 'currentHead' integer not null, 'backendId' text not null) strict`,
  ...rows.map(
    ([storeId, head, backendId]) =>
      `INSERT INTO context_7 VALUES ('${storeId}', ${head}, '${backendId}')`
  )
]
