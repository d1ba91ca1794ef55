import { LogEvent } from "@tidelog/sync-protocol"
import * as Predicate from "effect/Predicate"

/**
 * Whether a JSON value is all that another one is, or a part of it: an object is contained in one
 * that has its keys, with the same values, and maybe more. An empty object names nobody.
 */
export const isContained = (part: unknown, whole: unknown): boolean => {
  if (!Predicate.isRecord(part) || !Predicate.isRecord(whole)) {
    return LogEvent.isSameJson(part, whole)
  }
  const entries = Object.entries(part)
  return (
    entries.length > 0
    && entries.every(
      ([key, value]) => Object.hasOwn(whole, key) && LogEvent.isSameJson(value, whole[key])
    )
  )
}
