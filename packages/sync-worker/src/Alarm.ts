/**
 * The one thing that wakes a sleeping server by itself.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"

/**
 * An alarm clock with one time.
 *
 * @since 0.1.0
 * @category models
 */
export interface AlarmService {
  /**
   * Asks that `SyncServer.closeDue` be called at `time` (milliseconds since the epoch), or at an
   * earlier time that was asked for before. Never throws.
   */
  readonly wakeBy: (time: number) => void
}

/**
 * What wakes the server of a store that may sleep. Its layer without sleep: `layerNone`.
 *
 * @since 0.1.0
 * @category tags
 */
export class Alarm extends Context.Tag("@tidelog/sync-worker/Alarm")<Alarm, AlarmService>() {}

/**
 * No alarm: for a server that never sleeps, and is looked after from outside.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerNone: Layer.Layer<Alarm> = Layer.succeed(Alarm, { wakeBy: () => {} })
