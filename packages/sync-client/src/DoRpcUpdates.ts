/**
 * Which pull a page is for that an object is called with. The call names it by the id that the pull's own answer
 * had: no two of one isolate share one, whatever their objects and stores.
 *
 * @since 0.1.0
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

const listeners = new Map<string, (pages: ReadonlyArray<unknown>) => void>()

/**
 * Calls `onPages` with what comes under an id. To be called when that is over.
 *
 * @since 0.1.0
 * @category operations
 */
export const listen = (
  id: string,
  onPages: (pages: ReadonlyArray<unknown>) => void
): (() => void) => {
  listeners.set(id, onPages)
  return () => {
    listeners.delete(id)
  }
}

/** The pages are held to more where they are read. */
const decode = Schema.decodeUnknownOption(
  Schema.Struct({ requestId: Schema.String, values: Schema.NonEmptyArray(Schema.Unknown) })
)

/**
 * Hands on what an object was called with. Whether somebody waits for it.
 *
 * @since 0.1.0
 * @category operations
 */
export const hand = (update: unknown): boolean =>
  Option.match(decode(update), {
    onNone: () => false,
    onSome: ({ requestId, values }) => {
      const listener = listeners.get(requestId)
      listener?.(values)
      return listener !== undefined
    }
  })
