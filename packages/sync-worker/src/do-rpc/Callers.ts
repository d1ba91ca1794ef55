/**
 * Which objects may be called back, and how.
 *
 * @since 0.1.0
 */
import type { DoRpcMessage } from "@tidelog/sync-protocol"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"

/**
 * An object that is to be called back is none of those that the app has named, or there is none of that id.
 *
 * @since 0.1.0
 * @category errors
 */
export class UnknownCaller extends Schema.TaggedError<UnknownCaller>(
  "@tidelog/sync-worker/do-rpc/UnknownCaller"
)("UnknownCaller", { reason: Schema.String }) {}

/**
 * A call back did not succeed, however often it was tried.
 *
 * @since 0.1.0
 * @category errors
 */
export class CallerGone extends Schema.TaggedError<CallerGone>(
  "@tidelog/sync-worker/do-rpc/CallerGone"
)("CallerGone", { cause: Schema.Defect }) {}

/**
 * An object that can be called back.
 *
 * @since 0.1.0
 * @category models
 */
export interface Caller {
  /** Hands it a page. Tried a few times. Whether anybody there may want more. */
  readonly update: (
    update: typeof DoRpcMessage.Update.Encoded
  ) => Effect.Effect<boolean, CallerGone>
}

/** What is used of a namespace of objects. */
interface Namespace {
  idFromString(id: string): unknown
  get(id: unknown): { syncUpdateRpc(update: unknown): Promise<unknown> }
}

const isNamespace = (value: unknown): value is Namespace =>
  Predicate.hasProperty(value, "idFromString") && Predicate.hasProperty(value, "get")

/** How long one call may take: the object may have to start. */
const DEADLINE = Duration.seconds(10)

/** Four tries within a few seconds. */
const RETRIES = Schedule.intersect(Schedule.exponential("500 millis"), Schedule.recurs(3))

/** A call that failed, and is not disposed of, keeps this object in memory. */
const callOnce = (call: () => Promise<unknown>) =>
  Effect.acquireUseRelease(
    Effect.sync(call),
    (calling) => Effect.tryPromise(() => calling),
    (calling) =>
      Effect.sync(() => {
        if (isDisposable(calling)) calling[Symbol.dispose]()
      })
  )

const isDisposable = (value: unknown): value is Disposable =>
  Predicate.hasProperty(value, Symbol.dispose) && typeof value[Symbol.dispose] === "function"

/**
 * The object that a context names, if the app has named its binding, and the id is one of that namespace.
 *
 * @since 0.1.0
 * @category operations
 */
export const find = (
  env: object,
  callers: ReadonlySet<string>,
  { bindingName, durableObjectId }: DoRpcMessage.CallerContext
): Effect.Effect<Caller, UnknownCaller> => {
  const refused = (reason: string) => new UnknownCaller({ reason })
  if (!callers.has(bindingName)) return refused("this binding may not subscribe")
  const namespace: unknown = Reflect.get(env, bindingName)
  if (!isNamespace(namespace)) return refused("there is no such binding")
  // The platform refuses an id that is not of the namespace.
  return Option.match(Option.liftThrowable(() => namespace.idFromString(durableObjectId))(), {
    onNone: () => refused("this binding has no such object"),
    onSome: (id) =>
      Effect.succeed({
        update: (update) =>
          // A stub that has failed once may go on failing.
          callOnce(() => namespace.get(id).syncUpdateRpc(update)).pipe(
            Effect.timeout(DEADLINE),
            Effect.retry(RETRIES),
            // LiveStore's own side answers nothing.
            Effect.map((answer) => answer !== false),
            Effect.mapError((cause) => new CallerGone({ cause }))
          )
      })
  })
}
