/**
 * The app's own rules and reactions.
 *
 * @since 0.1.0
 */
import type { Message } from "@tidelog/sync-protocol"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type { Session } from "./Connection.ts"
import { runUserCode } from "./internal/userCode.ts"
import type { UserResult } from "./internal/userCode.ts"

/**
 * A rule said no. `message` reaches the client.
 *
 * @since 0.1.0
 * @category errors
 */
export class HookRefusal extends Schema.TaggedError<HookRefusal>(
  "@tidelog/sync-worker/HookRefusal"
)("HookRefusal", { message: Schema.String }) {}

/**
 * A rule did not answer in time, and so said nothing.
 *
 * @since 0.1.0
 * @category errors
 */
export class HookTimeout extends Schema.TaggedError<HookTimeout>(
  "@tidelog/sync-worker/HookTimeout"
)("HookTimeout", { message: Schema.String }) {}

/**
 * Hooks as an app writes them: plain functions, Promises or Effects. One that throws, rejects or
 * fails refuses the request; the message of the error is what the client reads.
 *
 * @since 0.1.0
 * @category models
 */
export interface HookOptions {
  /** Before a push is stored. */
  readonly onPush?: (request: Message.PushRequest, session: Session) => UserResult<void>
  /** Before a pull starts. */
  readonly onPull?: (request: Message.PullRequest, session: Session) => UserResult<void>
}

/**
 * @since 0.1.0
 * @category models
 */
export interface SyncHooksService {
  readonly onPush: (
    request: Message.PushRequest,
    session: Session
  ) => Effect.Effect<void, HookRefusal | HookTimeout>
  readonly onPull: (
    request: Message.PullRequest,
    session: Session
  ) => Effect.Effect<void, HookRefusal | HookTimeout>
}

/**
 * @since 0.1.0
 * @category tags
 */
export class SyncHooks extends Context.Tag("@tidelog/sync-worker/SyncHooks")<
  SyncHooks,
  SyncHooksService
>() {
  /**
   * No rules: everything is allowed.
   *
   * @since 0.1.0
   */
  static readonly layerNone: Layer.Layer<SyncHooks> = Layer.suspend(() => layer({}))
}

/** How long a rule may take. Pushes of a store wait for one another, and so for its rule. */
const DEADLINE = "10 seconds"

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: HookOptions): SyncHooksService => ({
  onPush: toEffect("onPush", options.onPush),
  onPull: toEffect("onPull", options.onPull)
})

/**
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: HookOptions): Layer.Layer<SyncHooks> =>
  Layer.succeed(SyncHooks, make(options))

const toEffect = <Request>(
  name: string,
  hook: ((request: Request, session: Session) => UserResult<void>) | undefined
) => {
  if (hook === undefined) return () => Effect.void
  return (request: Request, session: Session): Effect.Effect<void, HookRefusal | HookTimeout> =>
    runUserCode(() => hook(request, session)).pipe(
      Effect.mapError(({ cause }) => new HookRefusal({ message: messageOf(cause) })),
      // One that cannot be interrupted is left to itself.
      Effect.disconnect,
      Effect.timeoutFail({
        duration: DEADLINE,
        onTimeout: () => new HookTimeout({ message: `${name} did not answer within ${DEADLINE}` })
      })
    )
}

const messageOf = (cause: unknown): string =>
  Predicate.isError(cause) ? cause.message : String(cause)
