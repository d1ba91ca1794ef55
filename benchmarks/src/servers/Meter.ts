/**
 * What the platform would bill for storage, added up over all objects of this worker.
 *
 * Locally a worker and its objects share one isolate, so module state is seen by both.
 */
export interface Meter {
  d1Calls: number
  rowsRead: number
  rowsWritten: number
}

export const meter: Meter = { d1Calls: 0, rowsRead: 0, rowsWritten: 0 }

/** Also counts what an object writes to its own SQLite, which is billed as D1 is. */
export const meterStorage = (storage: Pick<DurableObjectStorage, "sql">): void => {
  const { sql } = storage
  const exec = sql.exec.bind(sql)
  const metered: typeof sql.exec = (query, ...bindings) => {
    const cursor = exec<Record<string, SqlStorageValue>>(query, ...bindings)
    meter.rowsWritten += cursor.rowsWritten
    meter.rowsRead += cursor.rowsRead
    return cursor as never
  }
  Object.defineProperty(sql, "exec", { value: metered })
}
