/**
 * The request tags of LiveStore's WebSocket transport.
 *
 * @since 0.1.0
 */

/**
 * The tag of a pull.
 *
 * @since 0.1.0
 * @category constants
 */
export const PULL = "SyncWsRpc.Pull"

/**
 * The tag of a push.
 *
 * @since 0.1.0
 * @category constants
 */
export const PUSH = "SyncWsRpc.Push"
