// SQLite's words, which come through D1 and the object's own database alike.
import type { ReadError, StorageError } from "../EventLog.ts"

/** A value is larger than the database takes. */
export const isTooBig = (error: ReadError): boolean =>
  error._tag === "StorageError" && /too ?big/i.test(String(error.cause))

export const isNoTable = (error: ReadError): error is StorageError =>
  error._tag === "StorageError" && /no such table/i.test(String(error.cause))

/** The object's class is one without SQLite. */
export const isNoSql = (error: StorageError): boolean =>
  /SQL is not enabled/i.test(String(error.cause))
