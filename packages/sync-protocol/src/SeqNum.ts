/**
 * Positions in a log.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * A position in a store's log: an integer from 0 to 2^53 - 1. It grows along the chain, in steps
 * of one where LiveStore numbers, in larger ones where somebody else does.
 *
 * @since 0.1.0
 * @category schemas
 */
export const SeqNum = Schema.NonNegativeInt

/**
 * @since 0.1.0
 * @category models
 */
export type SeqNum = typeof SeqNum.Type

/**
 * The position before the first event: the head of an empty log, the parent of its first event.
 *
 * @since 0.1.0
 * @category constants
 */
export const ROOT: SeqNum = 0
