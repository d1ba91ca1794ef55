/**
 * The event log in D1, the default.
 *
 * @since 0.1.0
 */
import * as Layer from "effect/Layer"
import type { EventLog } from "./EventLog.ts"
import * as EventLogSql from "./EventLogSql.ts"
import * as SqlEngineD1 from "./SqlEngineD1.ts"
import type { StoreId } from "./StoreId.ts"
import type { OpenError } from "./Takeover.ts"

/**
 * The log of the store that `StoreId` names, in a D1 database: a table of its own, and a row in the
 * registry. Of the official backend it takes over nothing: `CloudflareEnv.layerEventLogD1` does.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (database: SqlEngineD1.Database): Layer.Layer<EventLog, OpenError, StoreId> =>
  EventLogSql.layer.pipe(Layer.provide(SqlEngineD1.layer(database)))
