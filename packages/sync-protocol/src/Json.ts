/**
 * A JSON value, as a type: what an app sends along with a connection is one.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * What `JSON.parse` may give.
 *
 * @since 0.1.0
 * @category models
 */
export type Json = string | number | boolean | null | JsonArray | JsonObject

/**
 * @since 0.1.0
 * @category models
 */
export interface JsonArray extends ReadonlyArray<Json> {}

/**
 * @since 0.1.0
 * @category models
 */
export interface JsonObject {
  readonly [key: string]: Json
}

/**
 * A value that was read from a JSON text, so that there is nothing left to look at.
 *
 * @since 0.1.0
 * @category schemas
 */
export const FromParsed: Schema.Schema<Json> = Schema.declare((_): _ is Json => true)
