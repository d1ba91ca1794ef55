/**
 * How seldom a live reader acknowledges (SPEC: PULL-14).
 *
 * @since 0.1.0
 */

/**
 * Live events whose acknowledgement a sparing reader may owe: so it sends at most one frame for ten events.
 *
 * @since 0.1.0
 * @category constants
 */
export const MAX_OWED = 9
