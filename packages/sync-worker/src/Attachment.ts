/**
 * What a socket remembers while its object is out of memory: who it is, and where its pulls stand.
 *
 * @since 0.1.0
 */
import { Chunking } from "@tidelog/sync-protocol"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { Bucket, ConnectionState, Session, SubscriptionState } from "./Connection.ts"

/**
 * Bytes that the platform keeps for a socket.
 *
 * Source: Cloudflare's documentation of `serializeAttachment`.
 *
 * @since 0.1.0
 * @category constants
 */
export const MAX_BYTES = 16_384

/** Bytes that one subscription takes at most: 32 digits of id, 16 of cursor, and what is around. */
const SUBSCRIPTION_BYTES = 80

/**
 * Bytes of the platform's own header, of the object around the parts, of a backendId, of a deadline and of
 * two buckets.
 */
const ENVELOPE_BYTES = 304

/**
 * The version of this format. A deploy can meet attachments of the version before it, or, when it
 * is taken back, of the one after: those it cannot read are closed, and their clients come back.
 *
 * @since 0.1.0
 * @category constants
 */
export const VERSION = 3

/**
 * Version 1 had neither a deadline nor rates; a connection without them is served as a new one. Version 2
 * did not say of which log its cursors are.
 */
const Attachment = Schema.parseJson(
  Schema.Struct({
    version: Schema.Literal(1, 2, VERSION),
    session: Session,
    backendId: ConnectionState.fields.backendId,
    subscriptions: Schema.Array(SubscriptionTuple()),
    pullBy: ConnectionState.fields.pullBy,
    frames: Schema.optional(BucketTuple()),
    events: Schema.optional(BucketTuple())
  })
)

/** A subscription as a row: it is written at each delivery. */
function SubscriptionTuple() {
  const { cursor, inFlight, live, requestId, started } = SubscriptionState.fields
  return Schema.transform(
    Schema.Tuple(
      requestId,
      cursor,
      inFlight,
      live,
      started,
      Schema.optionalElement(Schema.Literal(true))
    ),
    Schema.typeSchema(SubscriptionState),
    {
      strict: true,
      decode: ([requestId, cursor, inFlight, live, started, sparing = false]) => ({
        requestId,
        cursor,
        inFlight,
        live,
        started,
        sparing
      }),
      encode: (state) => toRow(state)
    }
  )
}

/** A bucket as a row, in whole tokens. */
function BucketTuple() {
  const { at, tokens } = Bucket.fields
  return Schema.transform(Schema.Tuple(tokens, at), Schema.typeSchema(Bucket), {
    strict: true,
    decode: ([tokens, at]) => ({ tokens, at }),
    encode: (bucket) => bucketRow(bucket)
  })
}

const bucketRow = ({ at, tokens }: Bucket) => [Math.floor(tokens), at] as const

/** JSON has no endless numbers. They stand for a limit that is none, as does what is absent. */
const toBucket = (bucket: Bucket | undefined) =>
  bucket !== undefined && Number.isFinite(bucket.tokens) ? bucketRow(bucket) : undefined

const toRow = ({ cursor, inFlight, live, requestId, sparing, started }: SubscriptionState) =>
  sparing
    ? ([requestId, cursor, inFlight, live, started, sparing] as const)
    : ([requestId, cursor, inFlight, live, started] as const)

const decodeText = Schema.decodeUnknownEither(Attachment)

/**
 * Reads what the platform gives back for a socket, whatever that is.
 *
 * @since 0.1.0
 * @category codecs
 */
export const decode = (attachment: unknown): ReturnType<typeof decodeText> =>
  decodeText(Predicate.isUint8Array(attachment) ? new TextDecoder().decode(attachment) : undefined)

const encodeSession = Schema.encodeSync(Schema.parseJson(Session))

/**
 * Writes the attachments of one socket, as UTF-8: the platform keeps a text with two bytes a
 * character as soon as one of them needs two. The session is encoded once; only the state changes.
 *
 * @since 0.1.0
 * @category codecs
 */
export const encoder = (session: Session): ((state: ConnectionState) => Uint8Array) => {
  const utf8 = new TextEncoder()
  const sessionText = encodeSession(session)
  return ({ backendId, events, frames, pullBy, subscriptions }) => {
    const state = JSON.stringify({
      backendId,
      subscriptions: subscriptions.map(toRow),
      pullBy: Number.isFinite(pullBy) ? pullBy : undefined,
      frames: toBucket(frames),
      events: toBucket(events)
    })
    return utf8.encode(`{"version":${VERSION},"session":${sessionText},${state.slice(1)}`)
  }
}

/**
 * Whether a session leaves room for as many subscriptions as a connection may have.
 *
 * @since 0.1.0
 * @category predicates
 */
export const fits = (session: Session, maxSubscriptions: number): boolean =>
  Chunking.byteLength(encodeSession(session))
    + maxSubscriptions * SUBSCRIPTION_BYTES
    + ENVELOPE_BYTES
  <= MAX_BYTES
