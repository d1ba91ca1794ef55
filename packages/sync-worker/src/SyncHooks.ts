/**
 * The app's own rules and reactions.
 *
 * @since 0.1.0
 */
import { Message } from "@tidelog/sync-protocol"
import type { Json, Refusal, SyncError } from "@tidelog/sync-protocol"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { Session } from "./Connection.ts"
import type * as HookMessage from "./HookMessage.ts"
import * as Background from "./internal/background.ts"
import { annotateOwner } from "./internal/owner.ts"
import { runRule, runUserCode, wordsOf } from "./internal/userCode.ts"
import type { UserCodeError, UserResult } from "./internal/userCode.ts"

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
 * What a pusher was answered: `{}` if its events are stored, or why they are not.
 *
 * @since 0.1.0
 * @category models
 */
export type PushAnswer =
  | Message.PushAck
  | Refusal.Refusal
  | SyncError.ServerAheadError
  | SyncError.BackendIdMismatchError

/**
 * The session of a connection, as hooks are told of it. `headers`: by their names in lower case, as a map: that is
 * how the official package gives them to its hooks.
 *
 * @since 0.1.0
 * @category models
 */
export interface HookSession extends Omit<Session, "headers" | "payload"> {
  readonly payload?: Json.Json
  readonly headers: ReadonlyMap<string, string>
}

const toHook = ({ headers, payload, ...session }: Session): HookSession => ({
  ...session,
  ...(payload === undefined ? {} : { payload }),
  headers: new Map(Object.entries(headers))
})

/**
 * A hook as an app writes it: a plain function, or one that returns a Promise or an Effect. `R`:
 * the services that the Effect needs.
 *
 * @since 0.1.0
 * @category models
 */
export type Hook<A, R = never> = (message: A, session: HookSession) => UserResult<void, R>

/**
 * The hooks of an app, each with the session of the connection that it is about.
 *
 * `onPush` and `onPull` are rules: one that throws, rejects or fails refuses the request, in words that
 * the client reads. They are the error itself if it is a string, else its `message`, else its `_tag` or
 * `name`. That holds for whatever a plain function throws or a Promise rejects with, a `TypeError` among
 * it: whoever calls what may throw words of its own (a database, say) catches them, or writes an Effect.
 * A defect of an Effect (it dies, or throws inside `Effect.sync` or `Effect.gen`) refuses as well, but
 * its words are for the log only.
 *
 * `onPushRes` and `onPullRes` are told afterwards, in the background: whatever they do changes and
 * delays nothing.
 *
 * @since 0.1.0
 * @category models
 */
export interface HookOptions<RPush = never, RPull = RPush, RPushRes = RPush, RPullRes = RPush> {
  /** Before a push is stored. */
  readonly onPush?: Hook<HookMessage.PushRequest, RPush>
  /** Before a pull starts. */
  readonly onPull?: Hook<HookMessage.PullRequest, RPull>
  /** After a push was answered. */
  readonly onPushRes?: Hook<PushAnswer, RPushRes>
  /** After a page of a pull was sent. */
  readonly onPullRes?: Hook<HookMessage.PullResponse, RPullRes>
}

/**
 * The app's hooks, as the server calls them.
 *
 * @since 0.1.0
 * @category models
 */
export interface SyncHooksService {
  /** Absent if every push is allowed. */
  readonly onPush?: (
    request: Message.PushRequest,
    session: Session
  ) => Effect.Effect<void, HookRefusal | HookTimeout>

  /** Absent if every pull is allowed. */
  readonly onPull?: (
    request: Message.PullRequest,
    session: Session
  ) => Effect.Effect<void, HookRefusal | HookTimeout>

  /** Told that a push was answered. Returns at once, and never throws. */
  readonly onPushRes?: (answer: PushAnswer, session: Session) => void

  /**
   * Told that a page was sent. `page`: the text of its `Message.PullResponse`. Returns at once, and
   * never throws.
   */
  readonly onPullRes?: (page: string, session: Session) => void
}

/**
 * The app's own rules and reactions. Its layers: `layerNone`, and `layer` of some hooks.
 *
 * @since 0.1.0
 * @category tags
 */
export class SyncHooks extends Context.Tag("@tidelog/sync-worker/SyncHooks")<
  SyncHooks,
  SyncHooksService
>() {}

/** How long a hook may take. Pushes of a store wait for one another, and so for its rule. */
const DEADLINE = "10 seconds"

/**
 * The hooks as a service. What the response hooks do ends with the scope.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <RPush = never, RPull = RPush, RPushRes = RPush, RPullRes = RPush>(
  options: HookOptions<RPush, RPull, RPushRes, RPullRes>
): Effect.Effect<SyncHooksService, never, RPush | RPull | RPushRes | RPullRes | Scope.Scope> =>
  Effect.gen(function* () {
    const { onPull, onPullRes, onPush, onPushRes } = unbranded(options)
    const context = yield* Effect.context<RPush | RPull | RPushRes | RPullRes>()
    const rules = {
      ...(onPush === undefined ? {} : { onPush: toRule("onPush", onPush, context) }),
      ...(onPull === undefined ? {} : { onPull: toRule("onPull", onPull, context) })
    }
    if (onPushRes === undefined && onPullRes === undefined) return rules
    const background = yield* Background.make
    const pages = yield* pageDecoder
    return {
      ...rules,
      ...(onPushRes === undefined
        ? {}
        : {
            onPushRes: (answer: PushAnswer, session: Session) => {
              const work = react("onPushRes", onPushRes, Effect.succeed(answer), session)
              background.offer(Effect.provide(work, context), isTooSlow("onPushRes", session))
            }
          }),
      ...(onPullRes === undefined
        ? {}
        : {
            onPullRes: (page: string, session: Session) => {
              const work = react("onPullRes", onPullRes, pages.decode(page), session)
              background.offer(
                Effect.provide(work, context),
                isTooSlow("onPullRes", session),
                pages.weigh(page)
              )
            }
          })
    }
  })

/**
 * The hooks of an app, with what their Effects need. What the response hooks do ends with the Layer.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = <RPush = never, RPull = RPush, RPushRes = RPush, RPullRes = RPush>(
  options: HookOptions<RPush, RPull, RPushRes, RPullRes>
): Layer.Layer<SyncHooks, never, RPush | RPull | RPushRes | RPullRes> =>
  Layer.scoped(SyncHooks, make(options))

/**
 * No rules: everything is allowed.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerNone: Layer.Layer<SyncHooks> = layer({})

/** The hooks of the messages as the server has them: what these lack are types alone. */
const unbranded = <RPush, RPull, RPushRes, RPullRes>(
  options: HookOptions<RPush, RPull, RPushRes, RPullRes>
) =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  options as Omit<typeof options, "onPull" | "onPullRes" | "onPush"> & {
    readonly onPush?: Hook<Message.PushRequest, RPush>
    readonly onPull?: Hook<Message.PullRequest, RPull>
    readonly onPullRes?: Hook<Message.PullResponse, RPullRes>
  }

const toRule =
  <Request, R>(name: string, hook: Hook<Request, R>, context: Context.Context<R>) =>
  (request: Request, session: Session): Effect.Effect<void, HookRefusal | HookTimeout> =>
    runRule(() => hook(request, toHook(session))).pipe(
      Effect.provide(context),
      Effect.catchTags({
        UserCodeFailure: ({ error }) => new HookRefusal({ message: wordsOf(error) ?? WORDLESS }),
        UserCodeDefect: (defect) =>
          Effect.zipRight(logFailed(name, defect), new HookRefusal({ message: MISTAKEN }))
      }),
      annotateOwner(session),
      // One that cannot be interrupted is left to itself.
      Effect.disconnect,
      Effect.timeoutFail({
        duration: DEADLINE,
        onTimeout: () => new HookTimeout({ message: `${name} did not answer within ${DEADLINE}` })
      })
    )

const WORDLESS = "the server's own rules do not allow this"

const MISTAKEN = "the server made a mistake in its own rules"

const logFailed = (name: string, error: UserCodeError) =>
  Effect.logError(
    `${name} failed`,
    error._tag === "UserCodeFailure" ? Cause.fail(error.error) : error.cause
  )

/** Tells a hook of something that is done. That it failed is nobody's business but the log's. */
const react = <A, R>(
  name: string,
  hook: Hook<A, R>,
  message: Effect.Effect<A>,
  session: Session
): Effect.Effect<void, never, R> =>
  message.pipe(
    Effect.flatMap((value) => runUserCode(() => hook(value, toHook(session)))),
    Effect.disconnect,
    Effect.timeoutFail({
      duration: DEADLINE,
      onTimeout: () => new HookTimeout({ message: `${name} did not end within ${DEADLINE}` })
    }),
    Effect.catchTags({
      UserCodeFailure: (error) => logFailed(name, error),
      UserCodeDefect: (error) => logFailed(name, error),
      HookTimeout: (error) => Effect.logError(error.message)
    }),
    Effect.catchAllDefect((defect) => Effect.logError(`${name} failed`, Cause.die(defect))),
    annotateOwner(session)
  )

const isTooSlow = (name: string, session: Session) =>
  Effect.logWarning(`${name} is told of less than happens: it is too slow`).pipe(
    annotateOwner(session)
  )

const decodePage = Schema.decodeSync(Schema.parseJson(Message.PullResponse))

/** Pages as values. All readers at the head are sent the same one: it is read once, and held once. */
const pageDecoder = Effect.sync(() => {
  let weighed = ""
  let read: { readonly text: string; readonly page: Message.PullResponse } | undefined
  return {
    weigh: (text: string): number => {
      if (text === weighed) return 0
      weighed = text
      return text.length
    },
    decode: (text: string): Effect.Effect<Message.PullResponse> =>
      Effect.sync(() => {
        if (read?.text !== text) read = { text, page: decodePage(text) }
        return read.page
      })
  }
})
