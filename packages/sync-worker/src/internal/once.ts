import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberRef from "effect/FiberRef"
import * as Layer from "effect/Layer"
import * as Runtime from "effect/Runtime"
import * as Scope from "effect/Scope"
import { letGo } from "./farewell.ts"

/** How long a build may take: a client waits for it. */
const DEADLINE = Duration.seconds(10)

/** A Layer did not come to be in time. */
export class BuildTimeout extends Data.TaggedError("BuildTimeout")<{}> {
  override readonly message = `not built within ${Duration.format(DEADLINE)}`
}

/**
 * A Layer's services, built once for each `key` and then kept for as long as that is.
 *
 * The platform lets no request wait for the I/O of another one. So a request that finds nothing
 * built builds for itself, what is ready first is kept for everybody, and a build that fails is not
 * kept at all.
 */
export const makeOnce = <Key extends object, R, E>(
  layerOf: (key: Key) => Layer.Layer<R, E>
): ((key: Key) => Effect.Effect<Runtime.Runtime<R>, E | BuildTimeout>) => {
  const built = new WeakMap<Key, Runtime.Runtime<R>>()

  const build = (key: Key) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Scope.make(), (scope) =>
        restore(
          Layer.toRuntime(layerOf(key)).pipe(
            // What is built outlives the request, whose names would be on the lines of all others.
            Effect.map(Runtime.deleteFiberRef(FiberRef.currentLogAnnotations)),
            Scope.extend(scope),
            Effect.disconnect,
            Effect.timeoutFail({ duration: DEADLINE, onTimeout: () => new BuildTimeout() })
          )
        ).pipe(
          Effect.onError((cause) => letGo(Scope.close(scope, Exit.failCause(cause)))),
          Effect.flatMap((runtime) => {
            const first = built.get(key)
            if (first !== undefined) return Effect.as(letGo(Scope.close(scope, Exit.void)), first)
            built.set(key, runtime)
            return Effect.succeed(runtime)
          })
        )
      )
    )

  return (key) =>
    Effect.suspend(() => {
      const runtime = built.get(key)
      return runtime === undefined ? build(key) : Effect.succeed(runtime)
    })
}
