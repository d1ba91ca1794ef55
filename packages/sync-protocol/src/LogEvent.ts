/**
 * The event as it travels and as it is stored.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { SeqNum } from "./SeqNum.ts"

export {
  /**
   * @since 0.1.0
   * @category chain
   */
  findBrokenLink,
  /**
   * @since 0.1.0
   * @category chain
   */
  isSame,
  /**
   * @since 0.1.0
   * @category chain
   */
  isSameJson
} from "./Chain.ts"
export type {
  /**
   * @since 0.1.0
   * @category models
   */
  BrokenChain
} from "./Chain.ts"
export {
  /**
   * @since 0.1.0
   * @category constants
   */
  ROOT,
  /**
   * @since 0.1.0
   * @category schemas
   */
  SeqNum
} from "./SeqNum.ts"

/**
 * One event of a store, LiveStore's `LiveStoreEvent.Global.Encoded`.
 *
 * `args` is any JSON value. Its key may be absent (an event without arguments), which is not the
 * same as `null`: LiveStore compares its pending events with their echoes.
 *
 * @since 0.1.0
 * @category schemas
 */
export const LogEvent = Schema.Struct({
  name: Schema.String,
  args: Schema.optional(Schema.Unknown),
  seqNum: SeqNum,
  parentSeqNum: SeqNum,
  clientId: Schema.String,
  sessionId: Schema.String
}).annotations({ identifier: "LogEvent" })

/**
 * @since 0.1.0
 * @category models
 */
export type LogEvent = typeof LogEvent.Type
