/**
 * How far a copy is.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

/**
 * What is done at present:
 *
 * - `comparing`: the events that the destination has already are held against the source's.
 * - `copying`: the others are written.
 * - `verifying`: what was written is read back, and held against the source's.
 * - `following`: what comes to the source is copied and read back as it comes.
 *
 * @since 0.1.0
 * @category models
 */
export type Phase = "comparing" | "copying" | "verifying" | "following"

/**
 * - `done`: how many events of the source this phase is past.
 * - `total`: how many it has, as far as its server has told.
 *
 * @since 0.1.0
 * @category models
 */
export interface Snapshot {
  readonly phase: Phase
  readonly done: number
  readonly total: number
}

/**
 * Who is told how far a copy is.
 *
 * @since 0.1.0
 * @category tags
 */
export class Progress extends Context.Tag("@tidelog/sync-copy/Progress")<
  Progress,
  {
    /** Told after each page and each push. */
    readonly report: (snapshot: Snapshot) => Effect.Effect<void>
  }
>() {}

/**
 * Nobody is told.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerSilent: Layer.Layer<Progress> = Layer.succeed(Progress, {
  report: () => Effect.void
})
