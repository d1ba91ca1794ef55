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
 * nothing. What a function returns is inferred first, by itself: a condition on what it needs, in the place
 * where that is inferred, would be decided before its parameters have types.
 */
export type Enough<A, S, Given> = [Needs<A>] extends [S]
  ? unknown
  : { readonly services: Layer.Layer<Needs<A>, unknown, Given> }

/** What a result needs, if it is an Effect. */
type Needs<A> =
  Awaited<A> extends infer B
    ? B extends Effect.Effect<unknown, unknown, infer R>
      ? R
      : never
    : never

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
