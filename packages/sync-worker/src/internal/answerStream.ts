// An answer that is written as it is read: its parts are asked for one by one, and none before it is wanted.
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"

/** A part as it is written. Nothing is asked for after the last one. */
export interface Written {
  readonly bytes: Uint8Array
  readonly isLast: boolean
}

/** `leave`: its reader takes no more, as far as the platform tells. */
export const make = <R>(
  runtime: Runtime.Runtime<R>,
  parts: {
    readonly next: Effect.Effect<Written, never, R>
    readonly leave: Effect.Effect<void, never, R>
  }
): ReadableStream<Uint8Array> => {
  const run = Runtime.runPromise(runtime)
  return new ReadableStream(
    {
      pull: (controller) =>
        run(
          Effect.map(parts.next, ({ bytes, isLast }) => {
            controller.enqueue(bytes)
            if (isLast) controller.close()
          })
        ),
      cancel: () => run(parts.leave)
    },
    { highWaterMark: 0 }
  )
}
