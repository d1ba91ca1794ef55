/**
 * Copies a store from one sync server to another: `copy`, over a `Source` and a `Destination`.
 *
 * @since 0.1.0
 */
export * as Comparison from "./Comparison.ts"
export * as Copy from "./Copy.ts"
export * as CopyError from "./CopyError.ts"
export * as Destination from "./Destination.ts"
export * as Digest from "./Digest.ts"
export * as LogReader from "./LogReader.ts"
export * as Progress from "./Progress.ts"
export * as ProgressTerminal from "./ProgressTerminal.ts"
export * as Report from "./Report.ts"
export * as ServerKind from "./ServerKind.ts"
export * as Side from "./Side.ts"
export * as Source from "./Source.ts"
export { copy } from "./Copy.ts"
export type { CopyOptions, Summary } from "./Copy.ts"
