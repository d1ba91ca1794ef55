/**
 * A pull over HTTP, where each request has an end: the next one goes on from the end of what was delivered. A live
 * pull looks for more now and then.
 *
 * @since 0.1.0
 */
import type * as Frame from "@tidelog/sync-protocol/Frame"
import * as HttpMessage from "@tidelog/sync-protocol/HttpMessage"
import * as Message from "@tidelog/sync-protocol/Message"
import * as ServerFrameReader from "@tidelog/sync-protocol/ServerFrameReader"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as SyncSocket from "./SyncSocket.ts"

/**
 * @since 0.1.0
 * @category models
 */
export interface HttpPull {
  /** Ends with the pull; a live one goes on until it fails. */
  readonly run: Effect.Effect<void, SyncSocket.ConnectionEnd>
  /** Its reader has taken so many chunks. */
  readonly acknowledge: (chunks: number) => void
  /** There may be more: the next look is now. */
  readonly look: () => void
}

/** Chunks that are delivered and not acknowledged: an answer is not read on beyond them. */
const WINDOW = 16

/** Before the next request, where the server has put one off: what it says of others with `Retry-After`. */
const PUT_OFF = "5 seconds"

const decode = Schema.decodeUnknown(Message.PullRequest)
const encode = Schema.encode(HttpMessage.PullRequest)

/**
 * `request`: of a WebSocket's pull. `ask`: the texts of the frames that answer a request over HTTP. `say`: delivers
 * a frame.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: {
  readonly request: Frame.Request
  readonly ask: (request: Frame.Request) => Stream.Stream<string, SyncSocket.ConnectionEnd>
  readonly say: (text: string) => void
  readonly pollInterval: Duration.DurationInput
}): HttpPull => {
  const { request, say } = options
  const wanted = Effect.unsafeMakeLatch(false)
  const hasRoom = Effect.unsafeMakeLatch(true)
  let owed = 0

  const run = Effect.gen(function* () {
    const { live, ...pull } = yield* Effect.orDie(decode(request.payload))
    let { cursor } = pull
    let hasMore = false
    let hasNews = false

    const deliver = (text: string) =>
      Effect.gen(function* () {
        const frame = ServerFrameReader.serverFrame(text)
        if (frame?._tag === "Exit") return Option.some(text)
        if (frame?._tag !== "Chunk") return yield* SyncSocket.lost("the answer makes no sense")
        yield* hasRoom.await
        owed += 1
        if (owed >= WINDOW) hasRoom.unsafeClose()
        say(text)
        for (const { backendId, batch, pageInfo } of frame.values) {
          hasMore = pageInfo._tag !== "NoMore"
          const last = batch.at(-1)
          if (last === undefined) continue
          hasNews = true
          cursor = Option.some({
            backendId,
            eventSequenceNumber: last.eventEncoded.seqNum,
            createdAt: Option.getOrUndefined(last.metadata)?.createdAt
          })
        }
        return Option.none()
      })

    while (true) {
      wanted.unsafeClose()
      hasMore = false
      hasNews = false
      const payload = yield* Effect.orDie(encode({ ...pull, cursor }))
      const exit = yield* options.ask({ ...request, tag: HttpMessage.PULL, payload }).pipe(
        Stream.mapEffect(deliver),
        Stream.filterMap((exit) => exit),
        Stream.runLast
      )
      if (Option.isNone(exit)) return yield* SyncSocket.lost("the answer broke off")
      const hasFailed = !isSuccess(exit.value)
      if (hasFailed || (!hasMore && !live)) return say(exit.value)
      if (!hasMore) {
        yield* Effect.raceFirst(Effect.sleep(options.pollInterval), wanted.await)
      } else if (!hasNews) yield* Effect.sleep(PUT_OFF)
    }
  })

  return {
    run,
    acknowledge: (chunks) => {
      owed = Math.max(0, owed - chunks)
      if (owed < WINDOW) hasRoom.unsafeOpen()
    },
    look: () => wanted.unsafeOpen()
  }
}

/** What else it says is for its reader. */
const isSuccess = (text: string): boolean => {
  const frame = ServerFrameReader.serverFrame(text)
  return (
    frame?._tag === "Exit"
    && Predicate.hasProperty(frame.exit, "_tag")
    && frame.exit._tag === "Success"
  )
}
