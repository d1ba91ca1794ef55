/**
 * What a client asks and what a server answers, independent of how it is framed.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { LogEvent, SeqNum } from "./LogEvent.ts"
import { BackendId } from "./SyncError.ts"

export {
  /**
   * @since 0.1.0
   * @category constants
   */
  PULL,
  /**
   * @since 0.1.0
   * @category constants
   */
  PUSH
} from "./RequestTag.ts"

/**
 * Where a pull starts: after `eventSequenceNumber`, in the log named by `backendId`.
 *
 * `createdAt`: when that event was accepted, as the server told with it. An extension of this
 * project: it shows whether the log still has the same event there.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Cursor = Schema.Struct({
  // A client's word, compared with the log's own id and never used for anything else.
  backendId: Schema.String,
  eventSequenceNumber: SeqNum,
  createdAt: Schema.optional(Schema.String)
})

/**
 * @since 0.1.0
 * @category models
 */
export type Cursor = typeof Cursor.Type

const claims = {
  /** What the client believes this socket to be for. Never trusted: the socket itself knows. */
  storeId: Schema.String,
  payload: Schema.optional(Schema.Unknown)
}

/**
 * Asks for all events after `cursor` (`None`: from the start), and, if `live`, for every later one
 * as it comes.
 *
 * `sparing`: an extension of this project. Whoever asks may owe the acknowledgements of up to nine live events.
 *
 * @since 0.1.0
 * @category schemas
 */
export const PullRequest = Schema.Struct({
  ...claims,
  live: Schema.Boolean,
  cursor: Schema.Option(Cursor),
  sparing: Schema.optional(Schema.Boolean)
}).annotations({ identifier: "PullRequest" })

/**
 * @since 0.1.0
 * @category models
 */
export type PullRequest = typeof PullRequest.Type

/**
 * Offers a batch of events: ascending, chained by `parentSeqNum`, starting at the head of the log
 * named by `backendId` (`None`: whichever it is, the client has not met it yet).
 *
 * @since 0.1.0
 * @category schemas
 */
export const PushRequest = Schema.Struct({
  ...claims,
  batch: Schema.Array(LogEvent),
  backendId: Schema.Option(Schema.String)
}).annotations({ identifier: "PushRequest" })

/**
 * @since 0.1.0
 * @category models
 */
export type PushRequest = typeof PushRequest.Type

/**
 * How much more comes after a page: nothing yet, some, or a known number of events.
 *
 * @since 0.1.0
 * @category schemas
 */
export const PageInfo = Schema.Union(
  Schema.TaggedStruct("NoMore", {}),
  Schema.TaggedStruct("MoreUnknown", {}),
  Schema.TaggedStruct("MoreKnown", { remaining: Schema.NonNegativeInt })
)

/**
 * @since 0.1.0
 * @category models
 */
export type PageInfo = typeof PageInfo.Type

/**
 * The page reaches the head.
 *
 * @since 0.1.0
 * @category constants
 */
export const noMore: PageInfo = { _tag: "NoMore" }

/**
 * What the server knows of an event that its author does not: when it was accepted, in ISO 8601.
 *
 * @since 0.1.0
 * @category schemas
 */
export const SyncMetadata = Schema.TaggedStruct("SyncMessage.SyncMetadata", {
  createdAt: Schema.String
})

/**
 * @since 0.1.0
 * @category models
 */
export type SyncMetadata = typeof SyncMetadata.Type

/**
 * An event as a pull delivers it.
 *
 * @since 0.1.0
 * @category schemas
 */
export const PulledEvent = Schema.Struct({
  eventEncoded: LogEvent,
  metadata: Schema.Option(SyncMetadata)
}).annotations({ identifier: "PulledEvent" })

/**
 * @since 0.1.0
 * @category models
 */
export type PulledEvent = typeof PulledEvent.Type

/**
 * One page of a pull.
 *
 * @since 0.1.0
 * @category schemas
 */
export const PullResponse = Schema.Struct({
  batch: Schema.Array(PulledEvent),
  pageInfo: PageInfo,
  backendId: BackendId
}).annotations({ identifier: "PullResponse" })

/**
 * @since 0.1.0
 * @category models
 */
export type PullResponse = typeof PullResponse.Type

/**
 * The answer to a push that is stored: an empty object, which LiveStore's decoder insists on.
 *
 * @since 0.1.0
 * @category schemas
 */
export const PushAck = Schema.Struct({})

/**
 * @since 0.1.0
 * @category models
 */
export type PushAck = typeof PushAck.Type
