/**
 * The Durable Object RPC transport: for objects of an app that are LiveStore clients themselves.
 *
 * @since 0.1.0
 */
export { doRpc } from "./DoRpc.ts"
export type { DoRpcOptions } from "./DoRpc.ts"
