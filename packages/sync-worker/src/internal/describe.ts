import * as Either from "effect/Either"
import * as ParseResult from "effect/ParseResult"

/** A reader needs the first thing that is wrong, not a page of it. */
const MAX_LENGTH = 200

/**
 * What is wrong with an input, in words for its sender: where, and what was expected there. Never
 * what stood there instead: it may be a secret, and the words end up in logs.
 */
export const describe = (error: ParseResult.ParseError): string => {
  // The formatter recurses into the input, which may be nested as deeply as its sender likes.
  const issues = Either.try(() => ParseResult.ArrayFormatter.formatErrorSync(error))
  const [issue] = Either.getOrElse(issues, () => [])
  if (issue === undefined) return "it is nested too deeply to be read"
  const message = issue.message.replace(/, actual .*$/s, "")
  const path = issue.path.map(String).join(".")
  const text = path === "" || message.startsWith(path) ? message : `${path}: ${message}`
  return text.slice(0, MAX_LENGTH)
}

/** A key that a Schema may well have named. Others are the sender's own words. */
const PLAIN_KEY = /^[A-Za-z_$][\w$-]{0,63}$/

/**
 * Where `what` is not as it was expected, and nothing of what stands there: the messages of a
 * Schema may quote the value, and that may be a secret.
 */
export const describePlace = (what: string, error: ParseResult.ParseError): string => {
  const issues = Either.try(() => ParseResult.ArrayFormatter.formatErrorSync(error))
  const [issue] = Either.getOrElse(issues, () => [])
  const path = issue === undefined || issue._tag === "Unexpected" ? [] : issue.path.map(String)
  const place = path.every((key) => PLAIN_KEY.test(key) || /^\d{1,9}$/.test(key)) ? path : []
  return place.length === 0
    ? `${what} does not have the expected shape`
    : `${what} does not have the expected shape at ${place.join(".")}`.slice(0, MAX_LENGTH)
}
