/**
 * The text of a Ping and of a Pong. Byte for byte what the official sides send: the platform
 * answers the one with the other by comparing text.
 *
 * @since 0.1.0
 */

/**
 * A `Ping`, byte for byte.
 *
 * @since 0.1.0
 * @category constants
 */
export const PING_TEXT = `{"_tag":"Ping"}`

/**
 * A `Pong`, byte for byte.
 *
 * @since 0.1.0
 * @category constants
 */
export const PONG_TEXT = `{"_tag":"Pong"}`
