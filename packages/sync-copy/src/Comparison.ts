/**
 * Two logs beside each other: whether two events are one, and if not, what differs, in words.
 *
 * @since 0.1.0
 */
import { LogEvent } from "@tidelog/sync-protocol"

/**
 * Whether absent arguments that have become `null` are the same. The official server keeps both as one.
 *
 * @since 0.1.0
 * @category models
 */
export interface ComparisonOptions {
  readonly nullForAbsentArgs: boolean
}

/**
 * What differs between an event and its copy, in words; `undefined` if nothing does.
 *
 * @since 0.1.0
 * @category comparing
 */
export const difference = (
  source: LogEvent.LogEvent,
  copy: LogEvent.LogEvent,
  options: ComparisonOptions
): string | undefined => {
  if (LogEvent.isSame(source, copy)) return undefined
  const nulled = options.nullForAbsentArgs && source.args === undefined && copy.args === null
  if (nulled && LogEvent.isSame({ ...source, args: null }, copy)) return undefined
  const fields = (["seqNum", "parentSeqNum", "name", "clientId", "sessionId", "args"] as const)
    .map((field) => ({ field, one: textOf(source[field]), other: textOf(copy[field]) }))
    .filter(({ one, other }) => one !== other)
  return fields
    .map(({ field, one, other }) => `${field} is ${excerpts(one, other).join(" there, and ")} here`)
    .join("; ")
}

/**
 * A JSON value as a text that is the same for all that are equal: without white space, the keys of each object in
 * one order. `undefined` stays what it is.
 *
 * @since 0.1.0
 * @category texts
 */
export const canonical = (value: unknown): string | undefined =>
  JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(
          Object.entries(inner).toSorted(([one], [other]) => (one < other ? -1 : 1))
        )
      : inner
  )

/**
 * An event as one line, for a digest. Absent arguments leave their place out.
 *
 * @since 0.1.0
 * @category texts
 */
export const line = (event: LogEvent.LogEvent): string => {
  const { args, clientId, name, parentSeqNum, seqNum, sessionId } = event
  const head = [seqNum, parentSeqNum, name, clientId, sessionId]
  return `${canonical(args === undefined ? head : [...head, args])}\n`
}

const textOf = (value: unknown): string => canonical(value) ?? "absent"

const EXCERPT = 60

/** Both texts around the first character that differs. */
const excerpts = (one: string, other: string): ReadonlyArray<string> => {
  let at = 0
  while (at < one.length && one[at] === other[at]) at += 1
  const from = Math.max(0, at - EXCERPT / 2)
  return [one, other].map((text) => {
    const cut = text.slice(from, from + EXCERPT)
    return `${from > 0 ? "…" : ""}${cut}${from + EXCERPT < text.length ? "…" : ""}`
  })
}
