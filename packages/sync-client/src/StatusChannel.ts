/**
 * Tells the page how the client stands, from wherever it runs: LiveStore's leader is in a web worker,
 * where the page cannot look. `Status.ts` is the page's side.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import { isNudge, isQuestion, openChannel, post } from "./internal/statusMessages.ts"
import type { SyncStatus } from "./SyncStatus.ts"

/**
 * Answers whoever asks for the status of `storeId`, as long as the scope is open, and passes on what a page
 * has noticed. The result announces the present status unasked. Does nothing where there is no
 * BroadcastChannel.
 *
 * @since 0.1.0
 * @category publishing
 */
export const publish = (
  storeId: string,
  status: Effect.Effect<SyncStatus>,
  onNudge: Effect.Effect<void>
): Effect.Effect<Effect.Effect<void>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const runtime = yield* Effect.runtime()
    const channel = yield* Effect.acquireRelease(
      Effect.sync(() => openChannel(storeId)),
      (channel) => Effect.sync(() => channel?.close())
    )
    if (channel === undefined) return Effect.void
    const announce = Effect.map(status, (status) => {
      post(channel, { _tag: "Announcement", status })
    })
    channel.addEventListener("message", ({ data }) => {
      if (isQuestion(data)) Runtime.runSync(runtime)(announce)
      if (isNudge(data)) Runtime.runFork(runtime)(onNudge)
    })
    return announce
  })
