import * as DateTime from "effect/DateTime"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"

const ISO_8601 = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d))?$/

/**
 * When an identity ends, in milliseconds since the epoch: its `expiresAt`, if it has one. Left, in
 * words for the log, if that says no time.
 */
export const expiryOf = (identity: unknown): Either.Either<number | undefined, string> =>
  Either.flatMap(
    Either.try({ try: () => readExpiry(identity), catch: () => "expiresAt cannot be read" }),
    (expiry) => expiry
  )

const readExpiry = (identity: unknown): Either.Either<number | undefined, string> => {
  if (!Predicate.hasProperty(identity, "expiresAt")) return Either.right(undefined)
  const { expiresAt } = identity
  if (expiresAt === undefined) return Either.right(undefined)
  const time = toMillis(expiresAt)
  return time !== undefined && Number.isFinite(time)
    ? Either.right(time)
    : Either.left(
        "expiresAt is neither milliseconds since the epoch, nor a Date, nor an ISO string"
      )
}

const toMillis = (value: unknown): number | undefined => {
  if (typeof value === "number") return value
  if (Predicate.isDate(value)) return value.getTime()
  if (typeof value !== "string" || !ISO_8601.test(value)) return undefined
  return Option.getOrUndefined(Option.map(DateTime.make(value), DateTime.toEpochMillis))
}
