import { Chunking } from "@tidelog/sync-protocol"

/** Whether a frame of the server's own is an `Exit`: as `FrameText` begins every one. */
export const isExit = (text: string): boolean => text.startsWith(`{"_tag":"Exit"`)

/** A frame as text: a binary one is UTF-8 (SPEC: FRAME-1). */
export const toText = (data: string | Uint8Array): string =>
  typeof data === "string" ? data : new TextDecoder().decode(data)

/** Bytes are counted only where the length leaves it open: a UTF-16 code unit takes 1 to 3. */
export const isTooBig = (data: string | Uint8Array, limit: number): boolean => {
  if (typeof data !== "string") return data.byteLength > limit
  if (data.length * 3 <= limit) return false
  return data.length > limit || Chunking.byteLength(data) > limit
}
