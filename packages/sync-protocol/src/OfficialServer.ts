/**
 * What LiveStore's official server takes, and can never give again (SPEC: CLIENT-9, COPY-7).
 *
 * @since 0.1.0
 */

/**
 * The most bytes of an event as JSON that it is to be given. It sends no page over 900,000 bytes, and fails every
 * pull at an event that is larger, of every client, for good. The rest of such a page has some hundred bytes.
 *
 * @since 0.1.0
 * @category constants
 */
export const MAX_EVENT_BYTES = 899_000
