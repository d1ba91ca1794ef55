import * as Layer from "effect/Layer"

/** A Layer of what an app's functions need: not asked for where they need nothing. */
export type ServicesOption<R, E, Given> = [R] extends [never]
  ? { readonly services?: undefined }
  : { readonly services: Layer.Layer<NoInfer<R>, E, Given> }

/** Gives a Layer what it needs. Without `services` it needs nothing: see `ServicesOption`. */
export const provideServices = <A, R, E, Given>(
  layer: Layer.Layer<A, never, R>,
  services: Layer.Layer<R, E, Given> | undefined
): Layer.Layer<A, E, Given> =>
  services === undefined
    ? // `R` is `never`, which the type of the option says and the compiler cannot follow.
      // @effect-diagnostics-next-line unsafeEffectTypeAssertion:off
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion
      (layer as Layer.Layer<A, never, never>)
    : Layer.provide(layer, services)
