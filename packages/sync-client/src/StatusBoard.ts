/**
 * Where the client writes how it stands, and whoever wants to know is told.
 *
 * A change of state is told at once. What is only counted changes with every frame, and is told a moment later.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Struct from "effect/Struct"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { evaluate } from "./internal/evaluate.ts"
import * as StatusChannel from "./StatusChannel.ts"
import type { Progress, State, SyncStatus } from "./SyncStatus.ts"

/**
 * @since 0.1.0
 * @category models
 */
export interface StatusBoard {
  readonly status: SubscriptionRef.SubscriptionRef<SyncStatus>
  readonly setState: (state: State) => Effect.Effect<void>
  readonly state: () => State
  /** What there is of the rest. What has changed of it is told within a quarter of a second. */
  readonly note: (change: Partial<Progress>) => void
  /** Tells at once. */
  readonly tell: Effect.Effect<void>
  /** Adds to what went in one direction. */
  readonly count: (direction: "received" | "sent", events: number, bytes: number) => void
}

/** From one telling of what is only counted to the next. */
const EVERY = "250 millis"

/**
 * A client that was just made. With the scope it is `Closed`, and nothing is told any more.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: {
  readonly storeId: string
  readonly onStatus: ((status: SyncStatus) => unknown) | undefined
  /** What a page asks of this client; `undefined` if none may. */
  readonly page: StatusChannel.Handlers | undefined
}): Effect.Effect<StatusBoard, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { onStatus, page, storeId } = options
    let state: State = { _tag: "Idle", since: yield* Clock.currentTimeMillis }
    let progress: Progress = {
      unconfirmed: 0,
      confirmed: 0,
      received: { events: 0, bytes: 0 },
      sent: { events: 0, bytes: 0 }
    }
    const now = (): SyncStatus => ({ ...state, ...progress })
    const status = yield* SubscriptionRef.make(now())
    const post = page === undefined ? () => {} : yield* StatusChannel.publish(storeId, now, page)
    const noted = yield* Effect.makeLatch(false)
    const tell = Effect.suspend(() => {
      noted.unsafeClose()
      const current = now()
      post()
      return Effect.zipRight(
        SubscriptionRef.set(status, current),
        // What goes wrong in the app is its own. Nobody waits for it.
        onStatus === undefined ? Effect.void : Effect.forkDaemon(evaluate(() => onStatus(current)))
      )
    })
    const setState = (next: State) =>
      Effect.suspend(() => {
        state = next
        return tell
      })

    const note: StatusBoard["note"] = (change) => {
      const before = progress
      progress = { ...before, ...change }
      if (Struct.keys(progress).every((key) => progress[key] === before[key])) return
      noted.unsafeOpen()
    }
    yield* noted.await.pipe(
      Effect.zipRight(tell),
      Effect.zipRight(Effect.sleep(EVERY)),
      Effect.forever,
      Effect.forkScoped
    )
    yield* tell
    yield* Effect.addFinalizer(() =>
      Effect.flatMap(Clock.currentTimeMillis, (since) => setState({ _tag: "Closed", since }))
    )
    return {
      status,
      setState,
      state: () => state,
      note,
      tell,
      count: (direction, events, bytes) => {
        const before = progress[direction]
        note({ [direction]: { events: before.events + events, bytes: before.bytes + bytes } })
      }
    }
  })
