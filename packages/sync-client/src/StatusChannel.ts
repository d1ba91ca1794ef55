/**
 * Tells the page how the client stands, from wherever it runs: LiveStore's leader is in a web worker,
 * where the page cannot look. `Status.ts` is the page's side.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Signal } from "./Device.ts"
import { heard, openChannel, post } from "./internal/statusMessages.ts"
import type { SyncStatus } from "./SyncStatus.ts"

/**
 * What a page may ask of the client.
 *
 * @since 0.1.0
 * @category models
 */
export interface Handlers {
  readonly onSignal: (signal: Signal) => void
  readonly onReconnect: () => void
}

/**
 * Answers whoever asks for the status of `storeId`, as long as the scope is open, and passes on what a page
 * has noticed or wants. The result announces the present status unasked. Does nothing where there is no
 * BroadcastChannel.
 *
 * @since 0.1.0
 * @category publishing
 */
export const publish = (
  storeId: string,
  status: () => SyncStatus,
  handlers: Handlers
): Effect.Effect<() => void, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => openChannel(storeId)),
      (channel) => Effect.sync(() => channel?.close())
    ),
    (channel) => {
      if (channel === undefined) return () => {}
      const announce = () => post(channel, { _tag: "Announcement", status: status() })
      channel.addEventListener("message", (event: MessageEvent<unknown>) => {
        const message = heard(event)
        if (message?._tag === "Question") announce()
        else if (message?._tag === "Nudge") handlers.onSignal(message.signal)
        else if (message?._tag === "Reconnect") handlers.onReconnect()
      })
      return announce
    }
  )
