/**
 * The event log in the Durable Object's own SQLite: no database beside the object, and no way to it.
 * It ends with the object.
 *
 * @since 0.1.0
 */
import * as Layer from "effect/Layer"
import type { EventLog } from "./EventLog.ts"
import * as EventLogSql from "./EventLogSql.ts"
import * as SqlEngineDurableObject from "./SqlEngineDurableObject.ts"
import type { StoreId } from "./StoreId.ts"
import type { OpenError } from "./Takeover.ts"

/**
 * The log of the store that `StoreId` names, in the SQLite of its own object.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  storage: SqlEngineDurableObject.Storage
): Layer.Layer<EventLog, OpenError, StoreId> =>
  EventLogSql.layer.pipe(Layer.provide(SqlEngineDurableObject.layer(storage)))
