import { Chunking, FrameText } from "@tidelog/sync-protocol"
import type { LogEntry } from "../EventLog.ts"

/** The one place where an event becomes text. */
export const toEntry = (event: FrameText.EventParts): LogEntry => {
  const json = FrameText.pulledEvent(event)
  return {
    seqNum: event.seqNum,
    createdAt: event.createdAt,
    json,
    bytes: Chunking.byteLength(json)
  }
}
