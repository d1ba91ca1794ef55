/**
 * One request without a socket: a connection of the server that is there for it alone, and whose frames are
 * taken one by one, so that nothing is read of the log before it is wanted.
 *
 * @since 0.1.0
 */
import { Handshake } from "@tidelog/sync-protocol"
import type { Frame } from "@tidelog/sync-protocol"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { Connection, Session } from "./Connection.ts"
import * as Deadline from "./Deadline.ts"
import { isExit } from "./internal/frame.ts"
import type { SyncServerService } from "./SyncServer.ts"

/**
 * - `Chunk`: a page, as the text of its frame. More comes.
 * - `Exit`: how the request ended, as the text of its frame.
 * - `Closed`: the server has ended the connection instead, with a close code and its reason.
 *
 * @since 0.1.0
 * @category models
 */
export type Part =
  | { readonly _tag: "Chunk"; readonly text: string }
  | { readonly _tag: "Exit"; readonly text: string }
  | { readonly _tag: "Closed"; readonly code: number; readonly reason: string }

/**
 * A request that is being answered. `next` is asked until it gives the end, or else `leave` is.
 *
 * @since 0.1.0
 * @category models
 */
export interface Exchange {
  /** The next part of the answer. To ask for it says that the one before has been taken. */
  readonly next: Effect.Effect<Part>

  /** Nobody takes the rest. */
  readonly leave: Effect.Effect<void>
}

/** How long each part may take: hooks have 10 s, and the storage its own deadlines. */
const DEADLINE = Duration.seconds(30)

/** A reader that takes no next page in this time has left: the platform does not always tell. */
const PATIENCE = Duration.seconds(60)

/**
 * Begins to answer a request. `size`: characters of the frame that it came in.
 *
 * @since 0.1.0
 * @category constructors
 */
export const open = (
  server: Pick<SyncServerService, "connect" | "disconnect" | "receive" | "request">,
  session: Session,
  frame: Frame.Request,
  size: number
): Effect.Effect<Exchange> =>
  Effect.gen(function* () {
    const clock = yield* Effect.clock
    const frames: Array<string> = []
    let closed: Part | undefined
    let isOwed = false
    let wake = () => {}

    const connection: Connection = {
      session,
      isBrief: true,
      send: (text) => {
        frames.push(text)
        wake()
      },
      close: (code, reason) => {
        closed = { _tag: "Closed", code, reason }
        wake()
      },
      save: () => {}
    }

    /** Ends it where its reader takes too long. */
    let watch: Fiber.RuntimeFiber<void> | undefined

    const leave = Effect.suspend(() => {
      closed ??= tooLate
      return server.disconnect(connection)
    })

    const watchReader = Effect.suspend(() => {
      const waited = Effect.zipRight(Effect.sleep(PATIENCE), leave)
      return Effect.map(Effect.forkDaemon(waited), (fiber) => {
        watch = fiber
      })
    })

    const heard = Effect.suspend(() => {
      const watching = watch
      watch = undefined
      return watching === undefined ? Effect.void : Fiber.interruptFork(watching)
    })

    const acknowledge = Effect.suspend(() => {
      if (!isOwed) return Effect.void
      isOwed = false
      const taken = JSON.stringify({ _tag: "Ack", requestId: frame.id })
      const rest = server.receive(connection, taken)
      // What it makes the server read is not what is waited for here.
      return rest === Effect.void ? rest : Effect.asVoid(Effect.forkDaemon(rest))
    })

    const wait = Effect.async<void>((resume) => {
      wake = () => resume(Effect.void)
    })

    const take: Effect.Effect<Part> = Effect.suspend(() => {
      const text = frames.shift()
      if (text === undefined) {
        return closed === undefined ? Effect.zipRight(wait, take) : Effect.succeed(closed)
      }
      if (isExit(text)) return Effect.as(leave, { _tag: "Exit" as const, text })
      // It may have been read ahead, before the end of the authorisation.
      if (Deadline.isExpired(session, clock)) {
        return Effect.as(leave, { _tag: "Closed" as const, ...Deadline.expired })
      }
      isOwed = true
      return Effect.as(watchReader, { _tag: "Chunk" as const, text })
    })

    yield* server.connect(connection)
    yield* Effect.forkDaemon(server.request(connection, frame, size))
    return {
      leave: Effect.zipRight(heard, leave),
      next: heard.pipe(
        Effect.zipRight(acknowledge),
        Effect.zipRight(take),
        Effect.timeoutTo({
          duration: DEADLINE,
          onSuccess: (part) => Effect.succeed(part),
          onTimeout: () => Effect.as(leave, tooLate)
        }),
        Effect.flatten
      )
    }
  })

const tooLate: Part = {
  _tag: "Closed",
  code: Handshake.CloseCode.tryAgainLater,
  reason: "the store takes too long to answer just now"
}
