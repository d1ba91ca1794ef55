/**
 * A request and the connection that carries it. A request lives longer than a connection: it is
 * started anew on each, with what is still open of it.
 *
 * @since 0.1.0
 */
import type * as Dialect from "@tidelog/sync-protocol/Dialect"
import type * as Frame from "@tidelog/sync-protocol/Frame"

/**
 * The present connection, as a request sees it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Wire {
  /** Epoch ms. */
  readonly now: () => number
  readonly send: (text: string) => void
  /** What its requests claim: see `RequestText.claims`. */
  readonly claims: string
  /** How many times the usual time an answer may take: more than 1 on a link that is slow. */
  readonly patience: number
  /** An id that this client has never used; what is answered to it goes to `exchange`. */
  readonly claim: (exchange: Exchange) => Frame.RequestId
  /** What is still answered to `id` is nobody's. */
  readonly release: (id: Frame.RequestId) => void
  /** Leaves the connection for a new one: it does not keep the protocol, or does not answer. */
  readonly leave: (reason: string, options: { readonly broken: boolean }) => void
}

/**
 * How a request ended; `undefined` if the answer was not understood.
 *
 * @since 0.1.0
 * @category models
 */
export type Ended = Dialect.RequestExit | undefined

/**
 * A request, as its connection sees it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Exchange {
  /** A connection is there: send what is open. */
  readonly start: (wire: Wire) => void
  /** The connection is gone. */
  readonly lost: () => void
  /** `size`: the characters of its frame. */
  readonly onChunk: (chunk: Frame.Chunk, size: number) => void
  readonly onExit: (exit: Ended) => void
  /** When something is late, in epoch ms; `Infinity` while nothing is owed. */
  readonly dueAt: () => number
  /** Something is late. */
  readonly overdue: () => void
  /** The machine slept for `ms`: what was owed in that time is not late. */
  readonly postpone: (ms: number) => void
}
