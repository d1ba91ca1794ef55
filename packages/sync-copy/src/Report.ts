/**
 * What a copy came to, in words: its summary, or what whoever copies can do about its end.
 *
 * @since 0.1.0
 */
import type { Summary } from "./Copy.ts"
import type { CopyError } from "./CopyError.ts"
import { count, duration, size } from "./internal/words.ts"

/**
 * Where a copy went from and to, for people.
 *
 * @since 0.1.0
 * @category models
 */
export interface Route {
  readonly from: string
  readonly fromStore: string
  readonly to: string
  readonly toStore: string
}

/**
 * @since 0.1.0
 * @category texts
 */
export const summary = (result: Summary, route: Route): string => {
  const { bytes, copied, destinationBackendId, destinationKind, events, sourceBackendId } = result
  const lines = [
    `Verified: the first ${count(events, "event")} of both stores are the same, each one compared.`,
    `  copied         ${count(copied, "event")}, ${size(bytes)}`,
    `  there before   ${count(events - copied, "event")}`,
    `  head           ${result.head}`,
    `  digest         ${result.digest}`,
    `  source         ${route.fromStore} on ${route.from}, backendId ${sourceBackendId}`,
    `  destination    ${route.toStore} on ${route.to}, backendId ${destinationBackendId}`,
    `  took           ${duration(result.durationMs)}`
  ]
  if (sourceBackendId === destinationBackendId) {
    lines.push("Both have one backendId: they may be one and the same log.")
  }
  if (destinationKind === "other") {
    lines.push(
      "The destination is no server of Tidelog's, so it was written to as to LiveStore's official one."
    )
  }
  return lines.join("\n")
}

/**
 * @since 0.1.0
 * @category texts
 */
export const failure = (error: CopyError): string => {
  const advice = adviceOn(error)
  return `Not verified: ${error.message}.${advice === undefined ? "" : `\n${advice}`}`
}

const AGAIN = "What is copied stays. Run the same command again to go on."

const adviceOn = (error: CopyError): string | undefined => {
  switch (error._tag) {
    case "InvalidSide":
      return undefined
    case "CannotConnect":
      return "Is the URL right, does the server run, and does it take this store and payload? LiveStore's official server answers with 400 to a payload that it refuses."
    case "Refused":
      return error.code === 4401 || error.code === 4403
        ? `Give a payload that the ${error.side} lets in: --payload-${error.side === "source" ? "from" : "to"}, a file, or the environment. ${AGAIN}`
        : undefined
    case "Stalled":
    case "RequestRefused":
      return AGAIN
    case "LogReplaced":
      return "Start again once it is as it should be. What was copied from another log is refused then."
    case "SourceEmpty":
      return "Look at --from and --store: a store that nobody has used looks the same."
    case "DestinationDiffers":
      return "Nothing of it was changed. Copy to another store (--to-store), or empty this one first."
    case "EventNotAccepted":
      return error.reason.includes("null in their place")
        ? "--null-for-absent-args takes that as the same. The events before it are copied."
        : "The events before it are copied."
    case "Stopped":
      return AGAIN
  }
}
