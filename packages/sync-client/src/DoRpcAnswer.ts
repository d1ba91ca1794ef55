/**
 * One call of the backend's object: its frame out, and the frames of its answer in, as they come.
 *
 * @since 0.1.0
 */
import * as DoRpcCodec from "@tidelog/sync-protocol/DoRpcCodec"
import type * as Frame from "@tidelog/sync-protocol/Frame"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { attempt } from "./internal/attempt.ts"
import * as SyncSocket from "./SyncSocket.ts"

/**
 * What is used of the stub of a backend's object.
 *
 * @since 0.1.0
 * @category models
 */
export interface SyncBackendStub {
  // A method, as the types of different versions of the platform differ in what it gives.
  rpc(call: Uint8Array): Promise<unknown>
}

/**
 * A frame of an answer, and whether it came in texts: see `DoRpcCodec`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Answered {
  readonly frame: unknown
  readonly inText: boolean
}

/**
 * The end of a connection over which comes what is no answer.
 *
 * @since 0.1.0
 * @category constructors
 */
export const senseless = (): SyncSocket.ConnectionEnd =>
  SyncSocket.lost("the answer makes no sense")

/**
 * The frames that answer a call, read as they are taken. To leave it ends it. `within`: ms for the head of the
 * answer, and for each further part of it.
 *
 * Fails with 1006 if the object was not reached, or what came was no such answer.
 *
 * @since 0.1.0
 * @category operations
 */
export const frames = (options: {
  readonly stub: () => SyncBackendStub
  readonly request: Frame.Request
  readonly inText: boolean
  readonly within: number
}): Stream.Stream<Answered, SyncSocket.ConnectionEnd> =>
  Effect.acquireRelease(
    Effect.try({
      try: () => options.stub().rpc(DoRpcCodec.write(options.request, options)),
      catch: () => SyncSocket.lost("the server was not reached")
    }),
    dispose
  ).pipe(
    Effect.flatMap((calling) => attempt(options.within, () => calling)),
    Effect.flatMap((answer) => parts(answer, options.within)),
    Effect.map((parts) => {
      const { end, inText, read } = DoRpcCodec.reader()
      const toFrames = (frames: () => ReadonlyArray<unknown>) =>
        Effect.try({
          try: () =>
            Chunk.map(Chunk.fromIterable(frames()), (frame) => ({ frame, inText: inText() })),
          catch: senseless
        })
      return Stream.mapEffect(parts, (part) => toFrames(() => read(part))).pipe(
        Stream.concat(Stream.fromEffect(toFrames(end))),
        Stream.flattenChunks
      )
    }),
    Stream.unwrapScoped
  )

/** An answer that is not disposed of keeps its object in memory. */
const dispose = (calling: unknown) =>
  Effect.sync(() => isDisposable(calling) && calling[Symbol.dispose]())

const isDisposable = (value: unknown): value is Disposable =>
  Predicate.hasProperty(value, Symbol.dispose) && typeof value[Symbol.dispose] === "function"

const parts = (
  answer: unknown,
  within: number
): Effect.Effect<
  Stream.Stream<Uint8Array, SyncSocket.ConnectionEnd>,
  SyncSocket.ConnectionEnd,
  Scope.Scope
> => {
  if (answer instanceof Uint8Array) return Effect.succeed(Stream.make(answer))
  if (!(answer instanceof ReadableStream)) return Effect.fail(senseless())
  return Effect.acquireRelease(
    Effect.sync((): ReadableStreamDefaultReader<Uint8Array> => answer.getReader()),
    // Nobody waits for that: it may never come about.
    (reader) => Effect.forkDaemon(Effect.ignore(Effect.tryPromise(() => reader.cancel())))
  ).pipe(
    Effect.map((reader) =>
      Stream.repeatEffectOption(
        attempt(within, () => reader.read()).pipe(
          Effect.mapError(Option.some),
          Effect.flatMap(({ done, value }) =>
            done ? Effect.fail(Option.none()) : Effect.succeed(value)
          )
        )
      )
    )
  )
}
