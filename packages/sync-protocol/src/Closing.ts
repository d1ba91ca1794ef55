/**
 * Why a connection is closed.
 *
 * @since 0.1.0
 */

/**
 * The codes that a server closes a connection with.
 *
 * `1xxx` codes are the WebSocket protocol's own and pass: the client reconnects and resumes. `44xx`
 * codes are this project's and do not: connecting again in the same way ends in the same way.
 *
 * @since 0.1.0
 * @category constants
 */
export const CloseCode = {
  /** A deliberate end, in peace. */
  normal: 1000,
  /** A frame that is not of this protocol. */
  invalidFrame: 1007,
  /** The connection is not used as it is meant to be: too many frames, or no pull. */
  policyViolation: 1008,
  /** A frame over the limit. */
  messageTooBig: 1009,
  /** The server cannot go on with this connection; nothing is wrong with the client. */
  internalError: 1011,
  /** The log behind the connection is another one now. */
  serviceRestart: 1012,
  /** The storage does not answer just now, or the store has all the connections it may have. */
  tryAgainLater: 1013,
  /** The search params do not open a connection. */
  badRequest: 4400,
  /** Authorisation failed: who are you? */
  unauthorized: 4401,
  /** Authorisation failed: you may not. */
  forbidden: 4403,
  /** The store was deleted. */
  gone: 4410,
  /** The payload does not fit. */
  payloadTooLarge: 4413,
  /** A version of the protocol that this server does not speak. */
  unsupportedProtocol: 4426
} as const

/**
 * Whether a close code means that the same connection would be refused again, so that the client
 * stops and waits for its app.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isRefusal = (code: number): boolean => code >= 4400 && code < 4500

/**
 * A close reason cut to the 123 bytes that a close frame has room for, never inside a character.
 *
 * Source: RFC 6455, section 5.5.
 *
 * @since 0.1.0
 * @category conversions
 */
export const closeReason = (reason: string): string => {
  const bytes = new TextEncoder().encode(reason)
  if (bytes.length <= 123) return reason
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true })
  // A character that is cut stays in the decoder.
  return `${decoder.decode(bytes.subarray(0, 123 - 3), { stream: true })}…`
}
