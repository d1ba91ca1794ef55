/**
 * How a call ends, as the frames that its caller reads.
 *
 * @since 0.1.0
 */
import { Dialect, Refusal } from "@tidelog/sync-protocol"
import type { Frame } from "@tidelog/sync-protocol"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

const dialect = Dialect.effect3

/**
 * The end of a call.
 *
 * @since 0.1.0
 * @category constructors
 */
export const exitFrame = ({ id }: Pick<Frame.Request, "id">, exit: Dialect.RequestExit) => ({
  _tag: "Exit",
  requestId: id,
  exit: dialect.encode(exit)
})

/**
 * The end of a call that is refused.
 *
 * @since 0.1.0
 * @category constructors
 */
export const refused = (
  frame: Pick<Frame.Request, "id">,
  name: Refusal.RefusalName,
  message: string
) => exitFrame(frame, Exit.fail(Refusal.toUnknownError(new Refusal.Refusal({ name, message }))))

/**
 * @since 0.1.0
 * @category models
 */
export type Refused = ReturnType<typeof refused>

/**
 * Fails with the frame that refuses a call in its own terms, and says so in the log (SPEC: REFUSE-4).
 *
 * @since 0.1.0
 * @category operations
 */
export const refuse = (
  frame: Frame.Request,
  owner: { readonly storeId: string; readonly connectionId: string },
  name: Refusal.RefusalName,
  message: string
) =>
  Effect.logWarning("request refused").pipe(
    Effect.annotateLogs({ requestId: frame.id, refusal: name, reason: message, ...owner }),
    Effect.zipRight(Effect.fail(refused(frame, name, message)))
  )
