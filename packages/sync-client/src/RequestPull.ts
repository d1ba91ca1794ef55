/**
 * A pull over requests that each have an end: the next one goes on from the end of what was delivered. A live pull
 * looks for more now and then, and takes what it is told meanwhile.
 *
 * @since 0.1.0
 */
import type * as Message from "@tidelog/sync-protocol/Message"
import * as ServerFrameReader from "@tidelog/sync-protocol/ServerFrameReader"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as SyncSocket from "./SyncSocket.ts"

/**
 * @since 0.1.0
 * @category models
 */
export interface RequestPull {
  /** Ends with the pull; a live one goes on until it fails. */
  readonly run: Effect.Effect<void, SyncSocket.ConnectionEnd>
  /** Its reader has taken so many chunks. */
  readonly acknowledge: (chunks: number) => void
  /** There may be more: the next look is now. */
  readonly look: () => void
}

/**
 * How a pull asks for what follows its cursor: the texts of the frames of an answer. Pages that come besides, as
 * long as the pull is open, go to `tell`, each as the text of its frame; it says whether it has taken them.
 *
 * @since 0.1.0
 * @category models
 */
export type Ask = (
  pull: Message.PullRequest,
  tell: (text: string) => boolean
) => Stream.Stream<string, SyncSocket.ConnectionEnd>

/** Chunks that are delivered and not acknowledged: an answer is not read on beyond them. */
const WINDOW = 16

/** Before the next request, where the server has put one off: what it says of others with `Retry-After`. */
const PUT_OFF = "5 seconds"

/**
 * `say`: delivers a frame. `interval`: from the end of one look to the next.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: {
  readonly pull: Message.PullRequest
  readonly ask: Effect.Effect<Ask, never, Scope.Scope>
  readonly say: (text: string) => void
  readonly interval: Duration.DurationInput
}): RequestPull => {
  const { interval, pull, say } = options
  const wanted = Effect.unsafeMakeLatch(false)
  const hasRoom = Effect.unsafeMakeLatch(true)
  let owed = 0
  let { cursor } = pull
  /** The log that this pull is of. */
  let log = Option.getOrUndefined(cursor)?.backendId
  let hasMore = false
  let hasNews = false

  const position = () =>
    Option.match(cursor, {
      onNone: () => 0,
      onSome: ({ eventSequenceNumber }) => eventSequenceNumber
    })

  const advance = ({ backendId, batch }: Message.PullResponse): void => {
    const last = batch.at(-1)
    if (last === undefined || last.eventEncoded.seqNum <= position()) return
    cursor = Option.some({
      backendId,
      eventSequenceNumber: last.eventEncoded.seqNum,
      createdAt: Option.getOrUndefined(last.metadata)?.createdAt
    })
  }

  const deliver = (text: string) =>
    Effect.gen(function* () {
      const frame = ServerFrameReader.serverFrame(text)
      if (frame?._tag === "Exit") return Option.some(text)
      if (frame?._tag !== "Chunk") return yield* SyncSocket.lost("the answer makes no sense")
      yield* hasRoom.await
      owed += 1
      if (owed >= WINDOW) hasRoom.unsafeClose()
      say(text)
      for (const page of frame.values) {
        hasMore = page.pageInfo._tag !== "NoMore"
        hasNews ||= page.batch.length > 0
        log = page.backendId
        advance(page)
      }
      return Option.none()
    })

  const tell = (text: string): boolean => {
    const frame = ServerFrameReader.serverFrame(text)
    if (frame?._tag !== "Chunk") return false
    // For somebody else, or the log is another one by now: this pull's own answer tells.
    if (frame.values.some(({ backendId }) => backendId !== log)) {
      wanted.unsafeOpen()
      return false
    }
    say(text)
    // What leaves a gap is for the reader to see; the next look is from before it.
    for (const page of frame.values) {
      const [first] = page.batch
      if (first !== undefined && first.eventEncoded.parentSeqNum <= position()) advance(page)
    }
    return true
  }

  const run = Effect.gen(function* () {
    const ask = yield* options.ask
    while (true) {
      wanted.unsafeClose()
      hasMore = false
      hasNews = false
      const exit = yield* ask({ ...pull, cursor }, tell).pipe(
        Stream.mapEffect(deliver),
        Stream.filterMap((exit) => exit),
        Stream.runLast
      )
      if (Option.isNone(exit)) return yield* SyncSocket.lost("the answer broke off")
      const hasFailed = !isSuccess(exit.value)
      if (hasFailed || (!hasMore && !pull.live)) return say(exit.value)
      if (!hasMore) {
        yield* Effect.raceFirst(Effect.sleep(interval), wanted.await)
      } else if (!hasNews) yield* Effect.sleep(PUT_OFF)
    }
  }).pipe(Effect.scoped)

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
