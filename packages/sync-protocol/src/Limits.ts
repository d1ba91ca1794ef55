/**
 * What a sync endpoint takes at once.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as Record from "effect/Record"

/**
 * The limits, each a positive integer, or `Infinity` for none.
 *
 * @since 0.1.0
 * @category models
 */
export interface LimitsService {
  /**
   * Bytes of one incoming frame. 2 MiB: D1 stores no row and no string over 2 MB, so more could
   * not be kept anyway.
   */
  readonly maxFrameBytes: number
  /** Bytes of one event as JSON. Below D1's 2 MB for a row, with room for its other columns. */
  readonly maxEventBytes: number
  /** Events of one push. The official client sends at most 100, this project's likewise. */
  readonly maxBatchEvents: number
  /** Events of one page of a pull. LiveStore rebases once per page, so few large ones are best. */
  readonly maxPageEvents: number
  /** Bytes of one page of a pull, unless a single event is larger. As the official server. */
  readonly maxPageBytes: number
  /** Characters (UTF-16 code units) of a storeId. The protocol allows 1,024. */
  readonly maxStoreIdLength: number
  /**
   * Bytes of the payload as JSON. A hibernating socket keeps it, with all else it must remember,
   * in an attachment of 16,384 bytes.
   */
  readonly maxPayloadBytes: number
  /** Live pulls of one socket, 64 at most. LiveStore has one, its devtools add one. */
  readonly maxSubscriptions: number
  /** Chunks sent to a subscription and not yet acknowledged before it is left to itself. */
  readonly maxChunksInFlight: number
  /**
   * Bytes a second that all pulls far behind are sent together while pushes follow each other without
   * a pause, so that a crowd of new clients leaves the writers their speed. In pauses, however short,
   * nothing is held back.
   */
  readonly catchUpBytesPerSecond: number
  /** Open sockets of one store. The platform takes 32,768 an object. */
  readonly maxSockets: number
  /**
   * Frames a second that a socket may go on sending. Pings that the platform answers do not count,
   * nor does the acknowledgement of a chunk that was sent.
   */
  readonly framesPerSecond: number
  /** Frames that a socket may send at once, before `framesPerSecond` holds it back. */
  readonly frameBurst: number
  /** Events a second that a socket may go on pushing. */
  readonly eventsPerSecond: number
  /**
   * Events that a socket may push at once: what an app has gathered offline, or imports. Beyond it
   * `eventsPerSecond` holds it back.
   */
  readonly eventBurst: number
  /**
   * Milliseconds that a socket may stay open without a pull. A client that only believes to be
   * following the log is closed, and finds its way back.
   */
  readonly pullDeadline: number
}

/**
 * What differs from the defaults. One that is `undefined` does not.
 *
 * @since 0.1.0
 * @category models
 */
export type LimitChanges = { readonly [Name in keyof LimitsService]?: number | undefined }

const isLimit = (value: number): boolean => Number.isSafeInteger(value) && value > 0

/** Each takes up to 80 of the 16,384 bytes that a sleeping socket has for all. */
const MAX_SUBSCRIPTIONS = 64

const isLimitOrNone = (value: number): boolean => isLimit(value) || value === Infinity

const limit = (name: string, otherwise: number): Config.Config<number> =>
  Config.integer(name).pipe(
    Config.validate({ message: `${name} is not a positive integer`, validation: isLimit }),
    Config.withDefault(otherwise)
  )

/**
 * The protocol's own.
 *
 * @since 0.1.0
 * @category constants
 */
export const defaults: LimitsService = {
  maxFrameBytes: 2 * 1024 * 1024,
  maxEventBytes: 1_800_000,
  maxBatchEvents: 1_000,
  maxPageEvents: 1_000,
  maxPageBytes: 900_000,
  maxStoreIdLength: 256,
  maxPayloadBytes: 10_000,
  maxSubscriptions: 16,
  maxChunksInFlight: 16,
  catchUpBytesPerSecond: 500_000,
  maxSockets: 10_000,
  framesPerSecond: 200,
  frameBurst: 10_000,
  eventsPerSecond: 1_000,
  eventBurst: 100_000,
  pullDeadline: 60_000
}

/**
 * What an endpoint takes at once: the defaults, if no layer says another thing. Its layers: `layer` and
 * `layerConfig`.
 *
 * @since 0.1.0
 * @category tags
 */
export class Limits extends Context.Reference<Limits>()("@tidelog/sync-protocol/Limits", {
  defaultValue: () => defaults
}) {}

/**
 * The defaults, with some of them changed. `Infinity` is no limit. Throws a `RangeError` if one of them
 * is neither that nor a positive integer: it would be another limit than was meant, or none.
 *
 * @since 0.1.0
 * @category constructors
 */
export const from = (changes: LimitChanges = {}): LimitsService =>
  Record.map(defaults, (otherwise, name) => {
    const value = changes[name] ?? otherwise
    if (name === "maxSubscriptions" && value > MAX_SUBSCRIPTIONS) {
      throw new RangeError(
        `limits.maxSubscriptions has to be at most ${MAX_SUBSCRIPTIONS}, and is ${value}: a sleeping socket keeps them all`
      )
    }
    if (isLimitOrNone(value)) return value
    throw new RangeError(`limits.${name} has to be a positive integer, and is ${value}`)
  })

/**
 * The same, as a Layer. Throws as well, when it is called.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (changes: LimitChanges = {}): Layer.Layer<Limits> =>
  Layer.succeed(Limits, from(changes))

/**
 * The limits as configuration, each a positive integer under its own name, the default where it
 * is not set. A value that is no such number fails: a mistyped limit is not silently another one.
 *
 * @since 0.1.0
 * @category constructors
 */
export const config: Config.Config<LimitsService> = Config.all({
  maxFrameBytes: limit("TIDELOG_MAX_FRAME_BYTES", defaults.maxFrameBytes),
  maxEventBytes: limit("TIDELOG_MAX_EVENT_BYTES", defaults.maxEventBytes),
  maxBatchEvents: limit("TIDELOG_MAX_BATCH_EVENTS", defaults.maxBatchEvents),
  maxPageEvents: limit("TIDELOG_MAX_PAGE_EVENTS", defaults.maxPageEvents),
  maxPageBytes: limit("TIDELOG_MAX_PAGE_BYTES", defaults.maxPageBytes),
  maxStoreIdLength: limit("TIDELOG_MAX_STORE_ID_LENGTH", defaults.maxStoreIdLength),
  maxPayloadBytes: limit("TIDELOG_MAX_PAYLOAD_BYTES", defaults.maxPayloadBytes),
  maxSubscriptions: limit("TIDELOG_MAX_SUBSCRIPTIONS", defaults.maxSubscriptions),
  maxChunksInFlight: limit("TIDELOG_MAX_CHUNKS_IN_FLIGHT", defaults.maxChunksInFlight),
  catchUpBytesPerSecond: limit("TIDELOG_CATCH_UP_BYTES_PER_SECOND", defaults.catchUpBytesPerSecond),
  maxSockets: limit("TIDELOG_MAX_SOCKETS", defaults.maxSockets),
  framesPerSecond: limit("TIDELOG_FRAMES_PER_SECOND", defaults.framesPerSecond),
  frameBurst: limit("TIDELOG_FRAME_BURST", defaults.frameBurst),
  eventsPerSecond: limit("TIDELOG_EVENTS_PER_SECOND", defaults.eventsPerSecond),
  eventBurst: limit("TIDELOG_EVENT_BURST", defaults.eventBurst),
  pullDeadline: limit("TIDELOG_PULL_DEADLINE", defaults.pullDeadline)
})

/**
 * The limits that the current `ConfigProvider` names: by default the environment, in a Worker what is bound, by
 * `CloudflareEnv.layerConfigProvider` of `@tidelog/sync-worker`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig: Layer.Layer<Limits, ConfigError.ConfigError> = Layer.effect(
  Limits,
  config
)
