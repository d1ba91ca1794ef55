/**
 * Events in runs that fit into one push each, of any server.
 *
 * @since 0.1.0
 */
import { Chunking, type LogEvent } from "@tidelog/sync-protocol"

/**
 * What one push carries at most: the limits of the official server, which are the smaller ones.
 *
 * @since 0.1.0
 * @category constants
 */
export const limits = { maxItems: 100, maxBytes: 900_000 }

/**
 * A run of events. `bytes`: of their JSON.
 *
 * @since 0.1.0
 * @category models
 */
export interface Batch {
  readonly events: ReadonlyArray<LogEvent.LogEvent>
  readonly bytes: number
}

/**
 * The bytes of an event's JSON in UTF-8.
 *
 * @since 0.1.0
 * @category sizes
 */
export const sizeOf = (event: LogEvent.LogEvent): number =>
  Chunking.byteLength(JSON.stringify(event))

/**
 * Splits events, in order. An event that is too large for all of them goes alone.
 *
 * @since 0.1.0
 * @category splitting
 */
export const split = (events: ReadonlyArray<LogEvent.LogEvent>): ReadonlyArray<Batch> =>
  Chunking.chunkByBytes(
    events.map((event) => ({ event, bytes: sizeOf(event) + 1 })),
    { ...limits, sizeOf: ({ bytes }) => bytes }
  ).map((run) => ({
    events: run.map(({ event }) => event),
    bytes: run.reduce((sum, { bytes }) => sum + bytes, 0)
  }))
