/**
 * The protocol between a LiveStore app and its sync backend. `SPEC.md` numbers its rules.
 *
 * @since 0.1.0
 */
export * as Chain from "./Chain.ts"
export * as Chunking from "./Chunking.ts"
export * as Closing from "./Closing.ts"
export * as ConnectionUrl from "./ConnectionUrl.ts"
export * as Dialect from "./Dialect.ts"
export * as DoRpcMessage from "./DoRpcMessage.ts"
export * as Frame from "./Frame.ts"
export * as FrameReader from "./FrameReader.ts"
export * as FrameText from "./FrameText.ts"
export * as Handshake from "./Handshake.ts"
export * as HttpMessage from "./HttpMessage.ts"
export * as Json from "./Json.ts"
export * as Limits from "./Limits.ts"
export * as LogEvent from "./LogEvent.ts"
export * as Message from "./Message.ts"
export * as OfficialServer from "./OfficialServer.ts"
export * as PingText from "./PingText.ts"
export * as Refusal from "./Refusal.ts"
export * as RequestTag from "./RequestTag.ts"
export * as SeqNum from "./SeqNum.ts"
export * as ServerFrameReader from "./ServerFrameReader.ts"
export * as Sparing from "./Sparing.ts"
export * as SyncError from "./SyncError.ts"
