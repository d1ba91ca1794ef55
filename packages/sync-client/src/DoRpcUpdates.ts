/**
 * Which pull a page is for that an object is called with: one of the same object's present life, which has been told
 * that pages come under this name.
 *
 * @since 0.1.0
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

/** An isolate has several objects, and outlives each of them. */
const listeners = new WeakMap<object, Map<string, OnPages>>()

/**
 * Takes pages, or does not.
 *
 * @since 0.1.0
 * @category models
 */
export type OnPages = (pages: ReadonlyArray<unknown>) => boolean

/**
 * Gives `onPages` what `object` is called with under a name. To be called when that is over.
 *
 * @since 0.1.0
 * @category operations
 */
export const listen = (object: object, name: string, onPages: OnPages): (() => void) => {
  const own = listeners.get(object) ?? new Map<string, OnPages>()
  listeners.set(object, own)
  own.set(name, onPages)
  return () => {
    own.delete(name)
  }
}

/** The pages are held to more where they are read. */
const decode = Schema.decodeUnknownOption(
  Schema.Struct({ requestId: Schema.String, values: Schema.NonEmptyArray(Schema.Unknown) })
)

/**
 * Hands on what an object was called with. Whether somebody there has taken it.
 *
 * @since 0.1.0
 * @category operations
 */
export const hand = (object: object, update: unknown): boolean =>
  Option.match(decode(update), {
    onNone: () => false,
    onSome: ({ requestId, values }) => listeners.get(object)?.get(requestId)?.(values) === true
  })
