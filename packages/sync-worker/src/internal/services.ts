import type { Json } from "@tidelog/sync-protocol"
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

/** The services that an app's functions may need. */
export interface ServicesOption<S, E, Given> {
  /**
   * What the Effects of these functions need. Built once for as long as what they belong to is in memory.
   */
  readonly services?: Layer.Layer<S, E, Given>
}

/**
 * Asks for `services` that have what the functions need, whose results are `A`, and for none if they need
 * nothing; and takes no function that may answer with a no that says nothing (see `runRule`). What a function
 * returns is inferred first, by itself: a condition on what it needs, in the place where that is inferred,
 * would be decided before its parameters have types.
 */
export type Enough<A, S, Given> =
  IsAny<Awaited<A>> extends true
    ? unknown
    : HasServices<Needs<Awaited<A>>, S, Given> & NoSilentNo<Answer<Awaited<A>>>

type HasServices<Needed, S, Given> = [Needed] extends [S]
  ? unknown
  : { readonly services: Layer.Layer<Needed, unknown, Given> }

type NoSilentNo<A> = [Extract<A, SilentNo>] extends [never]
  ? unknown
  : IsUnknown<A> extends true
    ? unknown
    : { readonly "to refuse, throw or fail: what is only returned is no word for a client": never }

/** What says no to its reader, and nothing to a client. */
type SilentNo = false | Error

/** What may be anything that JSON can hold, as a payload may, is not known to be a no. */
type IsUnknown<A> = IsAny<A> extends true ? true : [Json.Json] extends [A] ? true : false

type IsAny<A> = 0 extends 1 & A ? true : false

/** What a result needs, if it is an Effect. */
type Needs<A> = A extends Effect.Effect<unknown, unknown, infer R> ? R : never

/** What a result comes to. */
type Answer<A> = A extends Effect.Effect<infer B, unknown, unknown> ? B : A

/** Gives a Layer what it needs. Without `services` it needs nothing: see `Enough`. */
export const provideServices = <A, S, E, Given>(
  layer: Layer.Layer<A, never, S>,
  services: Layer.Layer<S, E, Given> | undefined
): Layer.Layer<A, E, Given> =>
  services === undefined
    ? // `S` is `never`, which the type of the options says and the compiler cannot follow.
      // @effect-diagnostics-next-line unsafeEffectTypeAssertion:off
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion
      (layer as Layer.Layer<A, never, never>)
    : Layer.provide(layer, services)
