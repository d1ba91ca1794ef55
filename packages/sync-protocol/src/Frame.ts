/**
 * The frames of LiveStore 0.4.0's WebSocket wire: one JSON object per text frame.
 *
 * Requests and exits are decoded in two steps. The frame tells whose it is and of which kind; its
 * inside is decoded where the request is known. So a request that nobody understands can still be
 * answered by its own id, and disturbs nobody else.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { PullResponse } from "./Message.ts"

export {
  /**
   * @since 0.1.0
   * @category constants
   */
  PING_TEXT,
  /**
   * @since 0.1.0
   * @category constants
   */
  PONG_TEXT
} from "./PingText.ts"

/**
 * Names a request within its socket: 1 to 32 decimal digits (the official client counts up).
 *
 * @since 0.1.0
 * @category schemas
 */
export const RequestId = Schema.String.pipe(Schema.pattern(/^[0-9]{1,32}$/))

/**
 * @since 0.1.0
 * @category models
 */
export type RequestId = typeof RequestId.Type

/**
 * Starts a request. `payload` is decoded by `tag`.
 *
 * @since 0.1.0
 * @category client frames
 */
export const Request = Schema.TaggedStruct("Request", {
  id: RequestId,
  tag: Schema.String,
  payload: Schema.Unknown,
  headers: Schema.Tuple(Schema.String, Schema.String).pipe(Schema.Array, Schema.optional),
  traceId: Schema.optional(Schema.String),
  spanId: Schema.optional(Schema.String),
  sampled: Schema.optional(Schema.Boolean)
})

/**
 * @since 0.1.0
 * @category client frames
 */
export type Request = typeof Request.Type

/**
 * Takes chunks of a request off the sender's window: one, or, to a server that has said that it understands
 * that, `chunks` of them.
 *
 * @since 0.1.0
 * @category client frames
 */
export const Ack = Schema.TaggedStruct("Ack", {
  requestId: RequestId,
  chunks: Schema.optional(Schema.Positive.pipe(Schema.int()))
})

/**
 * @since 0.1.0
 * @category client frames
 */
export type Ack = typeof Ack.Type

/**
 * Ends a request before its time.
 *
 * @since 0.1.0
 * @category client frames
 */
export const Interrupt = Schema.TaggedStruct("Interrupt", { requestId: RequestId })

/**
 * @since 0.1.0
 * @category client frames
 */
export type Interrupt = typeof Interrupt.Type

/**
 * Asks whether anybody is there. Answered by the platform, without waking the object.
 *
 * @since 0.1.0
 * @category client frames
 */
export const Ping = Schema.TaggedStruct("Ping", {})

/**
 * The end of a client's requests. LiveStore does not send it over a WebSocket.
 *
 * @since 0.1.0
 * @category client frames
 */
export const Eof = Schema.TaggedStruct("Eof", {})

/**
 * A frame that a client sends.
 *
 * @since 0.1.0
 * @category client frames
 */
export const ClientFrame = Schema.Union(Request, Ack, Interrupt, Ping, Eof)

/**
 * @since 0.1.0
 * @category client frames
 */
export type ClientFrame = typeof ClientFrame.Type

/**
 * What a server of this project says of itself, with the first chunk of each pull.
 *
 * - `sparingAcks`: it understands an `Ack` of several chunks, and waits for none of ten live events.
 * - `expiresIn`: ms from here on until the connection's authorisation ends; absent if it does not.
 *
 * @since 0.1.0
 * @category server frames
 */
export const Greeting = Schema.Struct({
  sparingAcks: Schema.optional(Schema.Boolean),
  expiresIn: Schema.optional(Schema.JsonNumber)
})

/**
 * @since 0.1.0
 * @category server frames
 */
export type Greeting = typeof Greeting.Type

/**
 * Pages of a pull: one or more. `server`: an extension of this project.
 *
 * @since 0.1.0
 * @category server frames
 */
export const Chunk = Schema.TaggedStruct("Chunk", {
  requestId: RequestId,
  values: Schema.NonEmptyArray(PullResponse),
  server: Schema.optional(Greeting)
})

/**
 * @since 0.1.0
 * @category server frames
 */
export type Chunk = typeof Chunk.Type

/**
 * How a request ended. `exit` is decoded by the connection's dialect.
 *
 * @since 0.1.0
 * @category server frames
 */
export const Exit = Schema.TaggedStruct("Exit", { requestId: RequestId, exit: Schema.Unknown })

/**
 * @since 0.1.0
 * @category server frames
 */
export type Exit = typeof Exit.Type

/**
 * The answer to a `Ping`.
 *
 * @since 0.1.0
 * @category server frames
 */
export const Pong = Schema.TaggedStruct("Pong", {})

/**
 * The official server's word for a frame it did not expect; it fails every request of the socket.
 * Understood by our client, never sent by our server.
 *
 * @since 0.1.0
 * @category server frames
 */
export const Defect = Schema.TaggedStruct("Defect", { defect: Schema.Unknown })

/**
 * A frame that a server sends.
 *
 * @since 0.1.0
 * @category server frames
 */
export const ServerFrame = Schema.Union(Chunk, Exit, Pong, Defect)

/**
 * @since 0.1.0
 * @category server frames
 */
export type ServerFrame = typeof ServerFrame.Type

/**
 * A client's frame as its text.
 *
 * @since 0.1.0
 * @category codecs
 */
export const ClientFrameFromText = Schema.parseJson(ClientFrame)

/**
 * A server's frame as its text.
 *
 * @since 0.1.0
 * @category codecs
 */
export const ServerFrameFromText = Schema.parseJson(ServerFrame)
